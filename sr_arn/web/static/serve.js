"use strict";

// Hand pictures in, follow the work, compare and fetch the results.

const POLL = 300; // milliseconds
const ENDED = ["done", "failed", "gone"];
const get = (id) => document.getElementById(id);
const items = new Map(); // by key
let polling = false;

get("size").addEventListener("change", () => {
  get("value").hidden = !get("size").value;
  if (!get("value").hidden) get("value").focus();
});
get("files").addEventListener("change", () => {
  handIn([...get("files").files]);
  get("files").value = ""; // the same file may be chosen again
});
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    get("drop").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    get("drop").classList.remove("over");
  });
}
addEventListener("drop", (event) => handIn([...event.dataTransfer.files]));

async function handIn(files) {
  get("told").textContent = "";
  const query = { model: get("model").value, format: get("format").value };
  if (get("size").value) Object.assign(query, { size: get("size").value, value: get("value").value });
  for (const file of files) {
    const item = new Item(file.name);
    const address = `/pictures?${new URLSearchParams({ ...query, name: file.name })}`;
    try {
      const answer = await fetch(address, { method: "POST", body: file });
      const state = await answer.json();
      if (!answer.ok) throw new Error(state.reason);
      item.key = state.key;
      items.set(state.key, item);
      item.show(state);
    } catch (error) {
      item.show({ status: "failed", reason: error.message });
    }
    follow();
  }
}

async function follow() {
  if (polling) return;
  polling = true;
  for (;;) {
    const open = [...items.values()].filter((item) => !ENDED.includes(item.status));
    if (!open.length) break;
    try {
      const keys = open.slice(0, 100).map((item) => item.key);
      const answer = await fetch(`/pictures?keys=${keys}`);
      for (const state of await answer.json()) items.get(state.key)?.show(state);
      get("told").textContent = "";
    } catch {
      get("told").textContent = "The server does not answer; has it ended?";
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  polling = false;
}

class Item {
  constructor(name) {
    this.element = get("item").content.cloneNode(true).firstElementChild;
    this.part("name").textContent = name;
    this.part("compare").addEventListener("click", () => this.compare());
    this.part("remove").addEventListener("click", () => this.remove());
    get("pictures").prepend(this.element);
    this.show({ status: "handing in" });
  }

  part(name) {
    return this.element.getElementsByClassName(name)[0];
  }

  show(state) {
    this.status = state.status;
    this.element.className = `item ${state.status}`;
    const bar = this.element.querySelector("progress");
    bar.hidden = ENDED.includes(state.status);
    bar.value = state.share ?? 0;
    this.part("note").textContent = this.note(state);
    const done = state.status === "done";
    this.part("download").hidden = !done;
    this.part("compare").hidden = !(done && state.shown);
    if (done) {
      this.part("download").href = `/pictures/${this.key}/result`;
      this.part("download").download = state.result;
      this.result = state.result;
    }
    showZip();
  }

  note(state) {
    if (state.status === "done") {
      const size = (state.bytes / 1e6).toFixed(1);
      return `${state.width} x ${state.height} pixels, ${size} MB, ${state.model}, ${state.seconds} s`;
    }
    if (state.status === "working") return `${Math.round(100 * state.share)} %`;
    return state.reason ?? (state.status === "gone" ? "removed to make room" : state.status);
  }

  compare() {
    const view = this.part("view");
    const closed = view.childElementCount > 0;
    view.replaceChildren();
    this.part("compare").setAttribute("aria-expanded", String(!closed));
    if (closed) return;
    const place = document.createElement("section");
    place.className = "comparison";
    view.append(place);
    const comparison = new Comparison(place, [
      { name: "bicubic", source: `/pictures/${this.key}/before` },
      { name: this.result, source: `/pictures/${this.key}/after` },
    ]);
    comparison.ready.catch(() => view.replaceChildren("The pictures could not be shown."));
  }

  remove() {
    this.element.remove();
    if (this.key) {
      items.delete(this.key);
      fetch(`/pictures/${this.key}`, { method: "DELETE" });
    }
    showZip();
  }
}

function showZip() {
  const done = [...items.values()].filter((item) => item.status === "done");
  get("all").hidden = done.length < 2;
  get("zip").href = `/zip?keys=${done.map((item) => item.key)}`;
}
