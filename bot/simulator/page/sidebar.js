// The side of the page: the channels, the app, and who one acts as.

import { html, nothing } from "./dom.js";
import { avatar, channelIcon } from "./icons.js";

/** @param {App} app @param {boolean} isInert @param {() => void} close */
export function drawSidebar(app, isInert, close) {
  const channels = [...app.channels.values()];
  const people = [...app.users.values()].filter((user) => user.can_act);
  const drawEntry = (/** @type {Slack.Channel} */ channel) => {
    const open = () => {
      app.open(channel.id);
      close();
    };
    const current = channel.id === app.place.channel ? "page" : nothing;
    return html`<li><button class="place" aria-current=${current} @click=${open}>
      ${channelIcon(channel, app)} <span>${channel.kind === "im" ? app.botName : channel.name}</span>
    </button></li>`;
  };
  const actAs = (/** @type {Event} */ event) => {
    const user = /** @type {HTMLSelectElement} */ (event.target).value;
    app.go({ user, thread: "", ...(app.isDirect && { channel: "" }) }); // direct messages are one's own
    close();
  };
  return html`<nav class="sidebar" aria-label="Channels and people" ?inert=${isInert}>
    <b class="brand">Company workspace</b>
    <div class="channels">
      <h2>Channels</h2> <ul>${channels.filter(({ kind }) => kind !== "im").map(drawEntry)}</ul>
      <h2>Apps</h2> <ul>${channels.filter(({ kind }) => kind === "im").map(drawEntry)}</ul></div>
    <label class="person">${avatar(app.me, app)} <span>You act as
      <select @change=${actAs}>
        ${people.map(({ id }) => html`<option value=${id} .selected=${id === app.me}>${app.nameOf(id)}</option>`)}
      </select></span></label>
    <p class="not-slack">Stand-in workspace: not Slack</p>
  </nav>`;
}
