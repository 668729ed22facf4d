// What the page knows and what a person can do with it. Promises that every change of either is followed by `draw`.

import { act, Refusal } from "./api.js";
import { ask } from "./dialog.js";
import { recall, remember } from "./memory.js";
import { toWire } from "./wiretext.js";

const MOST_CHOICES = 500; // remembered clicks on feedback and selects
export const MORE = 100; // messages, per "show earlier"
const TOLD_SECONDS = 8; // how long a problem stays under its message

export class App {
  constructor() {
    const [user, channel, thread] = location.hash.slice(1).split("/");
    this.place = {
      user: user || recall("user", ""),
      channel: channel || recall("channel", ""),
      thread: thread || "",
    };
    this.limits = { channel: MORE, thread: MORE };
    this.screen = null;
    this.messages = new Map();
    this.users = new Map();
    this.channels = new Map();
    this.commands = {};
    this.touched = new Map(); // per message: how often something local to this page changed
    this.problems = new Map();
    this.choices = new Map(recall("choices", []));
    this.read = new Map(recall("read", []));
    this.editing = "";
    this.stopping = "";
    this.story = null; // {channel, user}: a person's commands, instead of the open thread
    this.isAway = false;
    this.hurry = () => {}; // asks for a fresh screen at once
    this.draw = () => {};
    this.logs = {}; // per pane
    this.composer = null;
    this.showInspector = () => {};
  }

  get me() {
    return this.place.user;
  }

  get bot() {
    return this.screen?.app;
  }

  get botName() {
    return this.users.get(this.bot)?.real_name ?? "The app";
  }

  get channel() {
    return this.channels.get(this.place.channel);
  }

  get isDirect() {
    return this.channel?.kind === "im";
  }

  /** Takes in an answer of `view`. */
  take(screen) {
    this.screen = screen;
    this.users = new Map(screen.users.map((user) => [user.id, user]));
    this.channels = new Map(screen.channels.map((place) => [place.id, place]));
    this.commands = screen.commands;
    for (const [ts, message] of Object.entries(screen.messages)) this.messages.set(ts, message);
    this.place.user = screen.me;
    this.place.channel = screen.channel;
    if (this.place.thread && !screen.thread) this.place.thread = "";
    this.note();
  }

  // Where one is

  actAs(user) {
    remember("user", user);
    this.go({ user, thread: "" });
    if (this.isDirect) this.go({ channel: "" });
  }

  open(channel) {
    if (channel === this.place.channel) return;
    remember("channel", channel);
    this.go({ channel, thread: "" });
    if (this.isDirect) this.greet();
  }

  openThread(thread, { isFocused = false } = {}) {
    this.story = null;
    this.go({ thread });
    this.focusThread = isFocused;
  }

  closeThread() {
    this.go({ thread: "" });
  }

  /** The person opens the app's direct messages. */
  greet() {
    this.try(() => act(this.me, "open_home", { tab: "messages" }));
  }

  showEarlier(pane) {
    this.limits[pane] += MORE;
    this.hurry();
  }

  /** The first messages of the panes in which somebody reads further up: they stay where they are. */
  reading(isSame) {
    if (!isSame) return {};
    const [oldest, , thread_oldest] = [this.screen.order[0], ...(this.screen.thread?.order ?? [])];
    const panes = { oldest: this.logs.channel.wasAtEnd ? null : oldest, thread_oldest: this.logs.thread.wasAtEnd ? null : thread_oldest };
    return Object.fromEntries(Object.entries(panes).filter(([, ts]) => ts));
  }

  go(change) {
    const before = this.place;
    this.place = { ...before, ...change };
    if (this.place.user !== before.user || this.place.channel !== before.channel) {
      this.limits.channel = MORE;
      this.story = null;
      this.editing = "";
    }
    if (this.place.thread !== before.thread) this.limits.thread = MORE;
    this.hurry();
    this.draw();
  }

  // What one says

  async say(typed, thread = "") {
    const command = typed.trim().match(/^(\/\S+)\s*(.*)$/s);
    if (command && !typed.startsWith(" ")) return this.command(command[1], command[2], thread);
    const { channel } = this.place;
    const text = toWire(typed, this);
    const args = { channel, text };
    if (thread) args.thread_ts = thread;
    const ts = await act(this.me, "say", args);
    const isQuestion = this.isDirect || text.includes(`<@${this.bot}>`);
    if (!thread && isQuestion && channel === this.place.channel) this.openThread(ts);
    return ts;
  }

  async command(command, text, thread) {
    if (thread) throw new Refusal("Commands do not work in threads. Use them in the channel.");
    if (!Object.hasOwn(this.commands, command)) {
      throw new Refusal(`There is no command ${command}. To send it as a message, put a space in front.`);
    }
    const { channel } = this.place;
    this.story = { channel, user: this.me };
    this.go({ thread: "" });
    await act(this.me, "command", { command, text, channel });
  }

  react(message, name, isAdded) {
    return this.try(() => act(this.me, isAdded ? "react" : "unreact", { ts: message.ts, name }), message);
  }

  edit(message, pane) {
    const before = this.editing.split(":")[1];
    this.editing = message ? `${pane}:${message.ts}` : "";
    for (const ts of [before, message?.ts]) if (ts) this.touch(ts);
    this.draw();
    const row = `[data-ts="${message?.ts ?? before}"]`;
    document.querySelector(message ? `${row} .editor textarea` : row)?.focus();
  }

  async save(message, typed) {
    if (!typed.trim()) return;
    await this.try(() => act(this.me, "edit", { ts: message.ts, text: toWire(typed, this) }), message);
    this.edit(null);
  }

  async delete(message) {
    const sure = { title: "Delete this message?", text: "It goes for everybody.", confirm: "Delete", isDanger: true };
    if (await ask(sure)) await this.try(() => act(this.me, "delete", { ts: message.ts }), message);
  }

  async stop() {
    const { channel, thread } = this.place;
    this.stopping = thread;
    this.draw();
    await this.try(() => act(this.me, "stop", { channel, thread_ts: thread }));
    setTimeout(() => {
      this.stopping = "";
      this.draw();
    }, 5000);
  }

  // What the app has put there

  chosen(message, action) {
    return message ? this.choices.get(`${this.me}:${message.ts}:${action}`) : undefined;
  }

  /** Uses an element of a message, and shows what was chosen at once. */
  async use(message, block, element, value) {
    const key = `${this.me}:${message.ts}:${element.action_id}`;
    const before = this.choices.get(key);
    if (value !== null && element.type !== "overflow") this.choose(message, key, value);
    const args = { ts: message.ts, action_id: element.action_id, block_id: block.block_id ?? null, value };
    const isDone = await this.try(async () => {
      const ack = await act(this.me, "click", args);
      if (ack.error) throw new Refusal(`The app did not take that (${ack.error}). Try again.`);
    }, message);
    if (!isDone) this.choose(message, key, before);
  }

  choose(message, key, value) {
    if (value === undefined) this.choices.delete(key);
    else this.choices.set(key, value);
    remember("choices", [...this.choices].slice(-MOST_CHOICES));
    this.touch(message.ts);
    this.draw();
  }

  showStory(message) {
    if (message.is_ephemeral) {
      this.story = { channel: this.place.channel, user: this.me };
      this.draw();
    } else this.openThread(message.thread_ts || message.ts);
    this.showInspector("story");
  }

  // For the drawing

  touch(ts) {
    this.touched.set(ts, (this.touched.get(ts) ?? 0) + 1);
  }

  isUnread(place) {
    return place.latest > (this.read.get(`${this.me}:${place.id}`) ?? "");
  }

  /** Runs what may be refused; the sentence appears under the message. Resolves to whether it worked. */
  async try(work, message) {
    try {
      await work();
      return true;
    } catch (error) {
      this.tell(message, error instanceof Refusal ? error.message : "The workspace cannot be reached.");
      return false;
    }
  }

  tell(message, sentence) {
    if (!message) return;
    this.problems.set(message.ts, sentence);
    this.touch(message.ts);
    this.draw();
    setTimeout(() => {
      this.problems.delete(message.ts);
      this.touch(message.ts);
      this.draw();
    }, TOLD_SECONDS * 1000);
  }

  /** Remembers what was seen, and puts the place into the address. */
  note() {
    const { user, channel, thread } = this.place;
    const { id, latest } = this.channel;
    const key = `${user}:${id}`;
    if (!document.hidden && this.read.get(key) !== latest) {
      this.read.set(key, latest);
      remember("read", [...this.read]);
    }
    const hash = `#${[user, channel, ...(thread ? [thread] : [])].join("/")}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }
}
