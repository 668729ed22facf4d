// What the page knows and what a person can do with it. Promises that `draw` follows every change of either.

import { recall, remember } from "./memory.js";
import { toWire } from "./mrkdwn.js";
import { act, Refusal, sentenceOf } from "./server.js";

const MORE = 100; // messages, per "Show earlier"
const MOST_CHOICES = 500; // remembered clicks on 👍 and 👎
const NOTICE = 8_000; // ms that a problem is shown

export class App {
  /** @type {Map<string, Slack.Message>} */ messages = new Map();
  /** @type {Map<string, Slack.User>} */ users = new Map();
  /** @type {Map<string, Slack.Channel>} */ channels = new Map();
  /** @type {Map<string, string>} per person, message and action: which of its buttons was pressed */
  choices = new Map(recall("choices", []));
  /** @type {{ channel: string, user: string } | null} a person's commands, told instead of the open thread */
  commands = null;
  /** @type {any} */ #nothing = {
    boot: "",
    me: "",
    app: "",
    version: 0,
    order: [],
    modals: [],
    shortcuts: {},
    emoji: [],
  };
  /** @type {Slack.Screen} */ screen = this.#nothing;
  limits = { channel: MORE, thread: MORE };
  tab = /** @type {import("./home.js").Tab} */ ("messages"); // of the app's own place
  notice = "";
  isAway = false;
  editing = ""; // the pane and the ts of the message that the person is changing
  n_changes = 0; // of what this page itself adds to messages
  hurry = () => {}; // asks for a fresh screen at once
  draw = () => {};
  showStory = () => {};

  constructor() {
    const [user, channel, thread = ""] = location.hash.slice(1).split("/").filter(Boolean);
    this.place = { user: user ?? recall("user", ""), channel: channel ?? recall("channel", ""), thread };
  }

  get me() {
    return this.screen.me;
  }

  get botName() {
    return this.nameOf(this.screen.app);
  }

  /** The channel of the screen; there is none before the first. */
  get channel() {
    return /** @type {Slack.Channel} */ (this.channels.get(this.screen.channel));
  }

  get isDirect() {
    return this.channel.kind === "im";
  }

  /** The thread that is open, once its messages are here. */
  get thread() {
    const { thread } = this.screen;
    return thread?.ts === this.place.thread ? thread : null;
  }

  /** @param {string | null} id */
  nameOf(id) {
    const user = this.users.get(id ?? "");
    return user?.real_name || user?.name || id || "Somebody";
  }

  /** Returns what the next screen is to show. */
  wanted() {
    const { user, channel, thread } = this.place;
    return { user, channel, thread_ts: thread, limit: this.limits.channel, thread_limit: this.limits.thread };
  }

  /** Takes in a screen, which may show another place than was asked for. @param {Slack.Screen} screen */
  take(screen) {
    if (screen.boot !== this.screen.boot) this.messages.clear();
    this.screen = screen;
    this.users = new Map(screen.users.map((user) => [user.id, user]));
    this.channels = new Map(screen.channels.map((channel) => [channel.id, channel]));
    for (const [ts, message] of Object.entries(screen.messages)) this.messages.set(ts, message);
    this.place = { user: screen.me, channel: screen.channel, thread: screen.thread?.ts ?? "" };
    const hash = `#${Object.values(this.place).filter(Boolean).join("/")}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }

  /** Goes to another place, or acts as another person. @param {Partial<typeof this.place>} change */
  go(change) {
    const before = this.place;
    this.place = { ...before, ...change };
    if (this.place.user !== before.user || this.place.channel !== before.channel) {
      this.limits.channel = MORE;
      this.commands = null;
    }
    if (this.place.thread !== before.thread) this.limits.thread = MORE;
    if (this.place.thread) this.commands = null;
    remember("user", this.place.user);
    remember("channel", this.place.channel);
    this.hurry();
    this.draw();
  }

  /** Opens a channel, and tells the app when it is the one for direct messages. @param {string} channel */
  open(channel) {
    this.tab = "messages";
    this.go({ channel, thread: "" });
    if (this.channels.get(channel)?.kind === "im") this.showTab("messages");
  }

  /** Opens a tab of the app's own place, and tells the app. @param {import("./home.js").Tab} tab */
  showTab(tab) {
    this.tab = tab;
    if (tab === "home") this.go({ thread: "" });
    this.try(() => act(this.me, "open_home", { tab }));
    this.draw();
  }

  /** @param {"channel" | "thread"} pane */
  showEarlier(pane) {
    this.limits[pane] += MORE;
    this.hurry();
  }

  /** Sends what was typed; throws a Refusal where it cannot be. @param {string} typed @param {string} thread */
  async say(typed, thread = "") {
    const [, command, rest] = typed.match(/^(\/\S+)\s*(.*)$/s) ?? [];
    if (command) return this.runCommand(command, rest ?? "", thread);
    const { channel } = this.place;
    const text = toWire(typed, this);
    const ts = await act(this.me, "say", { channel, text, ...(thread && { thread_ts: thread }) });
    const isQuestion = this.isDirect || (this.channel.has_app && text.includes(`<@${this.screen.app}>`));
    if (!thread && isQuestion && channel === this.place.channel) this.go({ thread: ts });
  }

  /** @param {string} command @param {string} text @param {string} thread */
  async runCommand(command, text, thread) {
    if (thread) throw new Refusal("Commands do not work in threads. Use them in the channel.");
    if (!Object.hasOwn(this.screen.commands, command)) {
      throw new Refusal(`There is no command ${command}. To send it as a message, put a space in front.`);
    }
    const { channel } = this.place;
    this.go({ thread: "" });
    if (command !== "/invite") this.commands = { channel, user: this.me };
    await act(this.me, "command", { command, text, channel });
  }

  /** Chooses a shortcut at a message, whose answer only this person sees. @param {Slack.Message} message
   * @param {string} id */
  useShortcut(message, id) {
    if (!message.thread_ts) this.go({ thread: "" });
    return this.try(async () => {
      const ack = /** @type {Slack.Ack} */ (
        await act(this.me, "use_shortcut", { ts: message.ts, callback_id: id })
      );
      if (ack.error) throw new Refusal(`The app did not take that (${ack.error}). Try again.`);
    });
  }

  /** Adds a reaction to a message, or takes it back. @param {Slack.Message} message @param {string} name */
  react(message, name) {
    const action = message.reactions?.[name]?.includes(this.me) ? "unreact" : "react";
    return this.try(() => act(this.me, action, { ts: message.ts, name }));
  }

  /** Lets the person change a message of theirs, or none. @param {string} place its pane and ts */
  beginEditing(place) {
    this.editing = place;
    this.n_changes += 1;
    this.draw();
    const field = /** @type {HTMLElement | null} */ (document.querySelector(".editing textarea"));
    field?.focus();
  }

  /** @param {Slack.Message} message @param {string} typed */
  async edit(message, typed) {
    const text = toWire(typed, this);
    const isDone = !text || (await this.try(() => act(this.me, "edit", { ts: message.ts, text })));
    if (isDone) this.beginEditing("");
  }

  /** @param {Slack.Message} message */
  remove(message) {
    return this.try(() => act(this.me, "delete", { ts: message.ts }));
  }

  stop() {
    const { channel, thread } = this.place;
    return this.try(() => act(this.me, "stop", { channel, thread_ts: thread }));
  }

  /** @param {Slack.Message | Slack.View} holder @param {Slack.Block} element */
  choiceOf(holder, element) {
    return this.choices.get(`${this.me}:${holder.ts}:${element.action_id}`);
  }

  /** Clicks an element; one of several choices is shown as chosen at once.
   * @param {Slack.Message | Slack.View} holder @param {Slack.Block} block
   * @param {Slack.Block} element @param {string | null} choice */
  async click(holder, block, element, choice) {
    const before = this.choiceOf(holder, element);
    this.choose(holder, element, choice ?? before);
    const args = { action_id: element.action_id, block_id: block.block_id, value: choice };
    const isDone = await this.try(async () => {
      const clicked = holder.ts
        ? act(this.me, "click", { ...args, ts: holder.ts })
        : act(this.me, "click_home", args);
      const ack = /** @type {Slack.Ack} */ (await clicked);
      if (ack.error) throw new Refusal(`The app did not take that (${ack.error}). Try again.`);
    });
    if (!isDone) this.choose(holder, element, before);
  }

  /** Remembers a choice at a message. @param {Slack.Message | Slack.View} holder @param {Slack.Block} element
   * @param {string | undefined} choice */
  choose(holder, element, choice) {
    if (!holder.ts) return;
    const key = `${this.me}:${holder.ts}:${element.action_id}`;
    if (choice) this.choices.set(key, choice);
    else this.choices.delete(key);
    remember("choices", [...this.choices].slice(-MOST_CHOICES));
    this.n_changes += 1;
    this.draw();
  }

  /** Shows the story of the thread that a message belongs to. @param {Slack.Message} message */
  tellStory(message) {
    this.go({ thread: message.is_ephemeral ? "" : message.thread_ts || message.ts });
    if (message.is_ephemeral) this.commands = { channel: this.place.channel, user: this.me };
    this.showStory();
  }

  /** Does what may be refused, and returns whether it worked. @param {() => Promise<unknown>} work */
  async try(work) {
    try {
      await work();
      return true;
    } catch (error) {
      this.notice = sentenceOf(error);
      this.draw();
      setTimeout(() => {
        this.notice = "";
        this.draw();
      }, NOTICE);
      return false;
    }
  }
}
