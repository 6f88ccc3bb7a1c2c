// Search where the site is opened from disk: there browsers start no workers, so the worker's script runs in a hidden
// frame. The theme's script knows that it does by the name IFrameWorker.
"use strict";

class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.append(this.frame);
    const inside = this.frame.contentWindow;
    const page = inside.document;
    page.open(); // a page that no later load replaces
    page.write("<!doctype html><body></body>");
    page.close();
    const load = (address) =>
      new Promise((resolve, reject) => {
        const script = page.createElement("script");
        script.addEventListener("load", resolve);
        script.addEventListener("error", () => reject(new Error(`${address}: cannot be loaded`)));
        script.src = address;
        page.body.append(script);
      });
    // What a worker's script expects: importScripts, here with a promise, and postMessage to the page.
    inside.importScripts = async (...addresses) => {
      for (const address of addresses) await load(address);
    };
    inside.postMessage = (data) => {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    };
    this.inside = inside;
    this.ready = load(new URL(url, location).href);
  }

  postMessage(data) {
    const sent = structuredClone(data);
    this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data: sent })));
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
