// Shows the viewer where to choose a picture: opens the sidebar, focuses the chosen one, outlines all.

const CHOICE = '[data-testid="stSidebar"] [class*="st-key-picture"]';
const OUTLINE = ["var(--primary)", "transparent"].map((color) => ({ outline: `3px solid ${color}`, outlineOffset: "6px" }));

export function showPictures() {
  document.querySelector('[data-testid="stExpandSidebarButton"]')?.click();
  const choice = document.querySelector(CHOICE);
  if (!choice) return; // as in a lecture
  const arrived = () => choice.checkVisibility({ visibilityProperty: true }) && choice.getBoundingClientRect().left >= 0;
  const point = () => {
    if (choice.isConnected && !arrived()) return requestAnimationFrame(point);
    choice.querySelector('[aria-checked="true"]')?.focus();
    choice.animate(OUTLINE, { duration: 2000 });
  };
  point();
}
