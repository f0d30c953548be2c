import { html } from "../vendor/lit-html/lit-html.js";

export function signInView(state, { signIn }) {
  const submit = (event) => {
    event.preventDefault();
    const { name, key } = Object.fromEntries(new FormData(event.target));
    signIn(name.trim(), key.trim());
  };
  return html`
    <main class="sign-in">
      <form class="card" @submit=${submit}>
        <img src="/desk/assets/icon.svg" alt="" width="40" height="40">
        <h1>Support desk</h1>
        <p class="soft">Conversations that the FTE handed to people.</p>
        <div class="field">
          <label for="name">Your name</label>
          <input id="name" name="name" autocomplete="name" maxlength="64" required autofocus
            .value=${state.rememberedName} aria-describedby="name-hint">
          <p class="hint" id="name-hint">Your colleagues see it on what you take over.</p>
        </div>
        <div class="field">
          <label for="key">Operator key</label>
          <input id="key" name="key" type="password" autocomplete="current-password" required aria-describedby="key-hint sign-in-problem">
          <p class="hint" id="key-hint"><code>make up</code> prints it, or whoever runs the system has it.</p>
        </div>
        <p class="problem" id="sign-in-problem" role="alert">${state.signInProblem}</p>
        <button class="primary wide" type="submit" ?disabled=${state.busy === "signIn"}>Sign in</button>
      </form>
    </main>
  `;
}
