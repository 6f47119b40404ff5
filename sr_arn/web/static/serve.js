"use strict";

// Hand pictures in, follow the work, compare and fetch the results.

const POLL = 300; // milliseconds
const ENDED = ["done", "failed", "gone"];
const get = (id) => document.getElementById(id);
const items = new Map(); // by key
let polling = false;

function showValue() {
  get("value").hidden = !get("size").value;
}
get("size").addEventListener("change", () => {
  showValue();
  if (get("size").value) get("value").focus();
});
function showPercent() {
  const percent = get("restore").valueAsNumber;
  get("percent").textContent = { 0: "off", 100: "automatic" }[percent] ?? `${percent} %`;
}
get("restore").addEventListener("input", showPercent);
addEventListener("pageshow", () => { // a browser may have filled in what was chosen before
  showValue();
  showPercent();
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
  if (get("restore").value !== "100") query.restore = get("restore").value;
  if (get("size").value) {
    if (!(get("value").valueAsNumber > 0)) {
      get("told").textContent = "How large? Give a number above 0.";
      get("value").focus();
      return;
    }
    Object.assign(query, { size: get("size").value, value: get("value").value });
  }
  const given = files.map((file) => [file, new Item(file.name)]);
  for (const [file, item] of given) {
    if (!item.removed) await item.handIn(file, query);
    remember();
    follow();
  }
}

// What is asked of the server, as JSON; what goes wrong is an error in words.
async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; is it still running?");
  }
  const text = await answer.text();
  let data;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = { reason: text.trim() };
  }
  if (!answer.ok) throw new Error(data?.reason ?? answer.statusText);
  return data;
}

// A page that is loaded anew finds its pictures again.
function remember() {
  sessionStorage.setItem("keys", JSON.stringify([...items.keys()]));
}

async function recall() {
  const keys = JSON.parse(sessionStorage.getItem("keys") ?? "[]");
  if (!keys.length) return;
  for (const state of await ask(`/pictures?keys=${keys}`)) {
    if (state.status === "gone") continue;
    const item = new Item(state.name);
    item.key = state.key;
    items.set(state.key, item);
    item.show(state);
  }
  remember();
  follow();
}

async function follow() {
  if (polling) return;
  polling = true;
  for (;;) {
    const open = [...items.values()].filter((item) => !ENDED.includes(item.status));
    if (!open.length) break;
    try {
      const keys = open.slice(0, 100).map((item) => item.key);
      for (const state of await ask(`/pictures?keys=${keys}`)) items.get(state.key)?.show(state);
    } catch (error) {
      get("told").textContent = error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
  polling = false;
}

class Item {
  constructor(name) {
    this.removed = false;
    this.upload = new AbortController();
    this.element = get("item").content.cloneNode(true).firstElementChild;
    this.part("name").textContent = name;
    this.part("compare").addEventListener("click", () => this.compare());
    this.part("remove").addEventListener("click", () => this.remove());
    get("pictures").prepend(this.element);
    this.show({ status: "waiting for upload" });
  }

  async handIn(file, query) {
    this.show({ status: "uploading" });
    const most = Number(document.body.dataset.maxUpload);
    try {
      if (file.size > most) throw new Error(`upload: expected at most ${most / 1e6} MB`);
      const address = `/pictures?${new URLSearchParams({ ...query, name: file.name })}`;
      const options = { method: "POST", body: file, signal: this.upload.signal };
      const state = await ask(address, options);
      this.key = state.key;
      items.set(state.key, this);
      if (this.removed) this.remove();
      else this.show(state);
    } catch (error) {
      if (!this.removed) this.show({ status: "failed", reason: error.message });
    }
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
      const shown = state.shown ? "" : "; too large to be compared here";
      const lost = state.left_out.length ? `left out ${state.left_out.join("; ")}` : "";
      const made = [state.model, state.restored, lost].filter(Boolean).join("; ");
      return `${state.width} x ${state.height} pixels, ${size} MB, ${made}, ${state.seconds} s${shown}`;
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
    this.removed = true;
    this.upload.abort();
    this.element.remove();
    if (this.key) {
      items.delete(this.key);
      ask(`/pictures/${this.key}`, { method: "DELETE" }).catch(() => {}); // it has ended
    }
    remember();
    showZip();
  }
}

function showZip() {
  const done = [...items.values()].filter((item) => item.status === "done");
  get("all").hidden = done.length < 2;
  get("zip").href = `/zip?keys=${done.map((item) => item.key)}`;
}

recall().catch((error) => {
  get("told").textContent = error.message;
});
