// Stays at the end while an answer grows, as long as the reader is there; else offers the way.
const NEAR = 60;

export class Scroll {
  #isAtEnd = true;

  /** @param {HTMLElement} box @param {HTMLElement} button */
  constructor(box, button) {
    this.box = box;
    this.button = button;
    box.addEventListener("scroll", () => this.#look(), { passive: true });
    box.addEventListener("wheel", (event) => event.deltaY < 0 && this.#leave(), { passive: true });
    button.addEventListener("click", () => this.toEnd());
    const sizes = new ResizeObserver(() => this.follow());
    for (const element of [box, ...box.children]) sizes.observe(element); // what is seen first gets its true size
  }

  toEnd() {
    this.#isAtEnd = true;
    this.follow();
  }

  follow() {
    if (this.#isAtEnd) this.box.scrollTop = this.box.scrollHeight;
    else this.#look();
  }

  #look() {
    this.#isAtEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    this.button.hidden = this.#isAtEnd;
  }

  #leave() {
    if (this.box.scrollHeight > this.box.clientHeight) this.#isAtEnd = false;
  }
}
