// Decides which changes of the page's URL belong to one action, and so to one history entry: those
// from dragging a slider, or from holding or repeating a key.

const PAUSE = 1000; // milliseconds between two presses that begin a new action

export class Steps {
  stepping = false;
  pressed = -PAUSE;
  action = 0;
  last = { names: "", action: -1 };

  // Only the time between presses counts: new URLs come later, from the server.
  press(steps, now) {
    if (!steps || !this.stepping || now - this.pressed > PAUSE) this.action += 1;
    [this.stepping, this.pressed] = [steps, now];
  }

  // Returns whether a new URL continues the action of the last one.
  continues(before, after) {
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
