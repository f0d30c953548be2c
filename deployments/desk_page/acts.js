// What an operator asks for, one after the other.

import { announce } from "./announce.js";

export class Acts {
  // `update(changes)` changes the state; `ended(session)` is told of the session to which an act was refused.
  constructor(state, update, ended) {
    this.state = state;
    this.update = update;
    this.ended = ended;
    this.underWay = new Set();
    this.last = Promise.resolve();
  }

  // Whether it was asked for in the open conversation and has not ended.
  isUnderWay(name) {
    return this.underWay.has(`${this.state.openId} ${name}`);
  }

  // What is asked for while something else is under way waits for it. The same again is a second click, and nothing
  // more. Says whether anything was begun.
  async run(name, send, done) {
    const { openId, session, conversation } = this.state;
    if (!openId || this.isUnderWay(name)) return false;
    const asked = `${openId} ${name}`;
    const ticket = conversation?.ticket_id ?? "Another conversation";
    this.underWay.add(asked);
    this.update({ busy: name, problem: "" });
    const begin = async () => {
      try {
        if (session !== this.state.session) return;
        await send(openId);
        announce(done);
      } catch (error) {
        if (error.status === undefined) throw error;
        if (error.status === 401) this.ended(session);
        else this.update({ problem: openId === this.state.openId ? error.message : `${ticket}: ${error.message}` });
      } finally {
        this.underWay.delete(asked);
        if (this.underWay.size === 0) this.update({ busy: null });
      }
    };
    this.last = this.last.then(begin).catch(reportError);
    await this.last;
    return true;
  }
}
