// The side of the page: channels, the app, and who one is.

import { avatar } from "./avatar.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf } from "./links.js";
import { openMenu } from "./menu.js";

export class Sidebar {
  constructor(app, { jump, chosen }) {
    this.app = app;
    this.chosen = chosen;
    this.list = h("div.places");
    this.who = h("div.who");
    const search = h(
      "button.jump",
      { type: "button", title: "Jump to a channel (Ctrl+K)", onclick: jump },
      icon("search"),
      h("span", {}, "Jump to…"),
      h("kbd", {}, "Ctrl K"),
    );
    this.node = h(
      "nav.sidebar",
      { "aria-label": "Channels and people" },
      h("div.brand", {}, h("b", {}, "Company workspace")),
      search,
      this.list,
      this.who,
      h("p.not-slack", {}, "Stand-in workspace: not Slack"),
    );
  }

  draw() {
    const { app } = this;
    const places = [...app.channels.values()];
    const channels = places.filter((place) => place.kind !== "im");
    fill(
      this.list,
      h("h2", {}, "Channels"),
      h("ul", {}, channels.map((place) => this.entry(place, icon(place.kind === "private" ? "lock" : "hash"), place.name))),
      h("h2", {}, "Apps"),
      h(
        "ul",
        {},
        places
          .filter((place) => place.kind === "im")
          .map((place) => this.entry(place, avatar(app.users.get(app.bot), app, "small"), app.botName, h("span.badge", {}, "App"))),
      ),
    );
    const me = app.users.get(app.me);
    const open = (event) => this.switchPerson(event.currentTarget);
    fill(
      this.who,
      h(
        "button.person",
        { type: "button", "aria-haspopup": "menu", "aria-label": `You act as ${nameOf(me)}. Act as somebody else`, onclick: open },
        avatar(me, app, "small"),
        h("span", {}, h("b", {}, nameOf(me)), h("small", {}, "You act as this person")),
        icon("chevron"),
      ),
    );
  }

  entry(place, drawing, name, badge = null) {
    const { app } = this;
    const isHere = place.id === app.place.channel;
    const isUnread = !isHere && app.isUnread(place);
    const open = () => {
      app.open(place.id);
      this.chosen();
    };
    const label = isUnread ? `${name}, unread` : null;
    const properties = { type: "button", "aria-current": isHere ? "page" : null, "aria-label": label, onclick: open };
    const link = h(isUnread ? "button.place.unread" : "button.place", properties, drawing, h("span", {}, name), badge);
    return h("li", { "data-key": place.id }, link);
  }

  switchPerson(button) {
    const { app } = this;
    const people = [...app.users.values()].filter((user) => user.can_act);
    openMenu(
      button,
      "Act as",
      people.map((user) => ({
        label: nameOf(user),
        detail: user.name,
        node: avatar(user, app, "small"),
        isChecked: user.id === app.me,
        choose: () => {
          app.actAs(user.id);
          this.chosen();
        },
      })),
    );
  }
}
