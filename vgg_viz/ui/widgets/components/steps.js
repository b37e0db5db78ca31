// Which new addresses of the page belong to one action of the visitor, and so to one step of the
// history: those that a slider's drag, or a key that is held or pressed again at once, brings.

const PAUSE = 1000; // milliseconds between two presses after which a control is used anew

export class Steps {
  stepping = false;
  pressed = -PAUSE;
  action = 0;
  last = { names: "", action: -1 };

  // Whatever comes of it comes later, from the server: time counts between presses only.
  press(steps, now) {
    if (!steps || !this.stepping || now - this.pressed > PAUSE) this.action += 1;
    [this.stepping, this.pressed] = [steps, now];
  }

  // Whether the new address goes on with what the last one has begun.
  goOn(before, after) {
    const { stepping, action, last } = this;
    const names = changedNames(before, after);
    this.last = { names, action };
    return stepping && names === last.names && action === last.action;
  }
}

export function changedNames(before, after) {
  const [old, now] = [new URLSearchParams(before), new URLSearchParams(after)];
  const names = new Set([...old.keys(), ...now.keys()]);
  const differs = (name) => `${old.getAll(name)}` !== `${now.getAll(name)}`;
  return [...names].filter(differs).sort().join();
}
