// Looking at the server, and again after trouble.

const AFTER_TROUBLE_MS = 3_000;

// What passes: the server is away, breaks or has too much to do.
const isTrouble = ({ status }) => status === 0 || status === 429 || status >= 500;

// One run at a time, and one more after it when it was asked for meanwhile, or when it met trouble. `ended(session)` is
// told of the session to which it was refused.
export function coalesced(state, ended, run) {
  let running = null;
  let again = false;
  let later = null;

  async function runUntilDone() {
    try {
      do {
        again = false;
        const { session } = state;
        try {
          await run();
        } catch (error) {
          if (error.status === undefined) throw error;
          if (error.status === 401) ended(session);
          if (isTrouble(error)) lookLater();
        }
      } while (again && state.session);
    } finally {
      running = null; // in the very step in which nobody had asked again
    }
  }

  function look() {
    if (running) {
      again = true;
      return running;
    }
    clearTimeout(later);
    running = runUntilDone();
    return running;
  }

  function lookLater() {
    clearTimeout(later);
    later = setTimeout(() => state.session && look(), AFTER_TROUBLE_MS);
  }

  return look;
}
