"use strict";

// A comparison: several versions of one picture, two of them under a slider, a crop of each.
// Shift and the arrow keys move the crop; the pointer does as well.

const CROP = 48; // pixels of the largest version, a side
const STEP = 0.02; // of the picture, by a key
const MOST_SOUGHT = 8e6; // pixels in which the most telling place is sought

class Comparison {
  constructor(place, versions, left = 0, right = versions.length - 1) {
    this.place = place;
    this.versions = versions; // [{name, note, source}]
    this.focus = { x: 0.5, y: 0.5 };
    this.chosen = { left, right };
    this.build();
    this.ready = this.load();
  }

  build() {
    const controls = this.add(this.place, "div", "controls");
    for (const side of ["left", "right"]) {
      const label = this.add(controls, "label", "", `${side} `);
      const select = this.add(label, "select", side);
      this.versions.forEach(({ name }, i) => select.add(new Option(name, i)));
      select.value = this.chosen[side];
      select.addEventListener("change", () => this.choose(side, Number(select.value)));
      if (this.versions.length < 3) label.hidden = true;
    }
    const label = this.add(controls, "label", "", "crops ");
    this.zoom = this.add(label, "select", "zoom");
    for (const factor of [2, 4, 8]) this.zoom.add(new Option(`${factor} times`, factor));
    this.zoom.value = 4;
    this.zoom.addEventListener("change", () => this.drawCrops());

    this.stage = this.add(this.place, "div", "stage");
    this.images = {};
    this.tags = {};
    for (const side of ["left", "right"]) {
      this.images[side] = this.add(this.stage, "img", side);
      this.images[side].draggable = false;
      this.tags[side] = this.add(this.stage, "span", `tag of-${side}`);
    }
    this.add(this.stage, "span", "bar");
    this.slider = this.add(this.stage, "input", "");
    Object.assign(this.slider, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
    this.slider.setAttribute("aria-label", "where the left picture ends and the right one begins");
    this.slider.addEventListener("input", () => this.slide());
    this.stage.addEventListener("pointermove", (event) => this.point(event));
    this.stage.addEventListener("pointerdown", (event) => this.point(event));
    this.slider.addEventListener("keydown", (event) => this.key(event));

    this.crops = this.add(this.place, "div", "crops");
    this.canvases = this.versions.map(({ name, note }) => {
      const figure = this.add(this.crops, "figure", "");
      const canvas = this.add(figure, "canvas", "");
      const caption = this.add(figure, "figcaption", "", name);
      if (note) this.add(caption, "div", "faint", note);
      return canvas;
    });
    this.slide();
  }

  async load() {
    this.pictures = await Promise.all(
      this.versions.map(async ({ source }) => {
        const picture = new Image();
        picture.src = source;
        await picture.decode();
        return picture;
      })
    );
    this.width = Math.max(...this.pictures.map((p) => p.naturalWidth));
    this.height = Math.max(...this.pictures.map((p) => p.naturalHeight));
    this.stage.style.aspectRatio = `${this.width} / ${this.height}`;
    const shown = Math.max(this.width, Math.min(2 * this.width, 480), 160); // small ones larger
    this.stage.style.width = `min(${shown}px, 100%, ${(85 * this.width) / this.height}vh)`;
    this.choose("left", this.chosen.left);
    this.choose("right", this.chosen.right);
    this.look(...this.mostTelling());
    this.place.classList.add("ready");
  }

  // Where the two that are chosen differ most, over a crop: fractions of width and height.
  mostTelling() {
    const { width, height } = this;
    const chosen = [this.pictures[this.chosen.left], this.pictures[this.chosen.right]];
    const alike = chosen.every((p) => p.naturalWidth === width && p.naturalHeight === height);
    if (!alike || width * height > MOST_SOUGHT) return [0.5, 0.5];
    const [a, b] = chosen.map((picture) => {
      const context = new OffscreenCanvas(width, height).getContext("2d");
      context.drawImage(picture, 0, 0);
      return context.getImageData(0, 0, width, height).data;
    });
    const columns = Math.ceil(width / CROP);
    const sums = new Float64Array(columns * Math.ceil(height / CROP));
    for (let y = 0, i = 1; y < height; y++) {
      const row = Math.floor(y / CROP) * columns;
      for (let x = 0; x < width; x++, i += 4) {
        sums[row + Math.floor(x / CROP)] += Math.abs(a[i] - b[i]); // green
      }
    }
    const most = Math.max(...sums);
    if (most === 0) return [0.5, 0.5]; // they are equal
    const best = sums.indexOf(most);
    const middle = (k) => (k + 0.5) * CROP;
    return [middle(best % columns) / width, middle(Math.floor(best / columns)) / height];
  }

  choose(side, index) {
    this.chosen[side] = index;
    const { name, source } = this.versions[index];
    this.images[side].src = source;
    this.images[side].alt = name;
    this.tags[side].textContent = name;
  }

  slide() {
    this.stage.style.setProperty("--at", `${this.slider.value}%`);
    this.slider.setAttribute("aria-valuetext", `${this.slider.value} percent`);
  }

  point(event) {
    const box = this.stage.getBoundingClientRect();
    this.look((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!event.shiftKey || !(event.key in steps)) return;
    event.preventDefault();
    const [x, y] = steps[event.key];
    this.look(this.focus.x + x * STEP, this.focus.y + y * STEP);
  }

  look(x, y) {
    const within = (value) => Math.min(1, Math.max(0, value));
    this.focus = { x: within(x), y: within(y) };
    this.drawCrops();
  }

  drawCrops() {
    if (!this.pictures) return;
    const side = Math.min((CROP * 4) / Number(this.zoom.value), this.width, this.height);
    const corner = (at, whole) => Math.round(Math.min(Math.max(at * whole - side / 2, 0), whole - side));
    const x = corner(this.focus.x, this.width);
    const y = corner(this.focus.y, this.height);
    this.pictures.forEach((picture, i) => {
      // every version fits into the same frame, as on the stage
      const fit = Math.min(this.width / picture.naturalWidth, this.height / picture.naturalHeight);
      const left = (this.width - fit * picture.naturalWidth) / 2;
      const top = (this.height - fit * picture.naturalHeight) / 2;
      const canvas = this.canvases[i];
      canvas.width = canvas.height = Math.max(1, Math.round(side / fit));
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, (left - x) / fit, (top - y) / fit);
    });
  }

  add(parent, tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    parent.append(element);
    return element;
  }
}

// What a page holds as data is shown once it comes near the window.
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      nearby.unobserve(target);
      const { versions, left, right } = JSON.parse(target.querySelector("script").textContent);
      target.comparison = new Comparison(target, versions, left, right);
    }
  },
  { rootMargin: "400px" }
);
document.querySelectorAll(".comparison").forEach((place) => nearby.observe(place));
