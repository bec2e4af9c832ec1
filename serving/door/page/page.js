"use strict";
// Sends a clip to this server and shows what is said of it. Everything that a server says is set as text.
const at = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;
let clip = null;
const model = document.documentElement.dataset.model;
let recorder = null, opening = false;
const LONGEST = 10;  // seconds of a recording
const open = new Set();  // requests on their way
const busy = new Set();  // what a click began and is not done

function made(name, text, attributes = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function say(text) { at("status").textContent = text; }

function sent(path, body) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    open.add(request);
    request.onloadend = () => open.delete(request);
    request.onabort = () => reject(null);
    request.open("POST", path);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (at("key").value) request.setRequestHeader("Authorization", `Bearer ${at("key").value}`);
    request.upload.onprogress = (event) => {
      at("progress").hidden = false;
      at("progress").value = event.total ? event.loaded / event.total : 0;
      say(event.loaded < event.total ? `Sending: ${percent(event.loaded / event.total)}` : "Sent; waiting for the answer");
    };
    request.onload = () => {
      at("progress").hidden = true;
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { said = {}; }
      if (request.status === 200) resolve(said);
      else reject(new Error(said.error ? said.error.message : `The server answers with status ${request.status}.`));
    };
    request.onerror = () => { at("progress").hidden = true; reject(new Error("The server cannot be reached.")); };
    request.send(body);
  });
}

async function tried(work) {
  if (busy.has(work)) return;  // a second click asks nothing else
  busy.add(work);
  try { await work(); } catch (error) { if (error) say(`That did not work: ${error.message}`); } finally { busy.delete(work); }
}

async function ask(file) {
  for (const request of open) request.abort();  // what it says is of another clip
  clip = file;
  at("result").hidden = true;
  at("timeline").replaceChildren();
  at("reasons").replaceChildren();
  say("Sending");
  const started = performance.now();
  const answer = await sent(`predictions/${model}`, file);
  say(`Answered in ${((performance.now() - started) / 1000).toFixed(1)} s by version ${answer.model.version}.`);
  show(answer);
}

function show(answer) {
  at("result").hidden = false;
  at("label").textContent = `${answer.label}, ${percent(answer.confidence)}, by ${answer.modalities.join(" and ")}`;
  at("warnings").replaceChildren(...answer.warnings.map((text) => made("li", text)));
  const names = Object.keys(answer.models);
  const head = made("tr");
  head.append(...["label", "fused", ...names].map((text) => made("th", text, { scope: "col" })));
  at("head").replaceChildren(head);
  const rows = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]).map(([label, share]) => {
    const row = made("tr");
    row.append(made("th", label, { scope: "row" }));
    for (const value of [share, ...names.map((name) => answer.models[name][label])]) {
      const cell = made("td", `${percent(value)} `);
      cell.append(made("meter", "", { value, min: 0, max: 1, "aria-hidden": "true" }));
      row.append(cell);
    }
    return row;
  });
  at("bars").replaceChildren(...rows);
  at("json").textContent = JSON.stringify(answer, null, 2);
  const video = at("video");
  URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(clip);
  at("stage").hidden = false;
  video.onerror = () => { at("stage").hidden = true; };  // a browser plays fewer kinds of clips than are answered
  const place = () => boxed(video, answer.face);
  video.onloadedmetadata = place;
  video.ontimeupdate = place;
  window.onresize = place;
  at("label").focus();
}

function boxed(video, face) {
  const box = at("box");
  const seen = face && (face.seconds || []).some(([first, last]) => video.currentTime >= first - 0.2 && video.currentTime <= last + 0.2);
  box.hidden = !seen || !video.videoWidth;
  if (box.hidden) return;
  const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
  const left = (video.clientWidth - scale * video.videoWidth) / 2, top = (video.clientHeight - scale * video.videoHeight) / 2;
  const [x, y, width, height] = face.box;
  box.style.left = `${left + scale * x}px`;
  box.style.top = `${top + scale * y}px`;
  box.style.width = `${scale * width}px`;
  box.style.height = `${scale * height}px`;
}

async function course() {
  const said = await sent(`timeline/${model}?every=1`, clip);
  say(`${said.windows.length} windows of a second`);
  at("timeline").replaceChildren(...said.windows.map((window) => {
    const text = window.error ? "no answer" : `${window.label} ${percent(window.confidence)}`;
    const told = (window.warnings || []).map((warning) => ` [${warning}]`).join("");
    const part = made("button", text, { type: "button", title: `${window.from} to ${window.to} s: ${text}${told}` });
    part.onclick = () => { at("video").currentTime = window.from; };
    return part;
  }));
}

async function why() {
  const { explanation } = await sent(`explanations/${model}?frames=3`, clip);
  const parts = [];
  for (const [name, pictures] of Object.entries(explanation.face)) {
    parts.push(made("h3", `${name}: where it looks for ${explanation.label}`));
    for (const each of pictures) parts.push(made("img", undefined, { src: `data:image/png;base64,${each.png}`, alt: `At ${each.time} s` }));
  }
  for (const [name, said] of Object.entries(explanation.voice)) {
    parts.push(made("h3", `${name}: the voice, for and against ${explanation.label}`));
    const list = made("ul");
    list.append(...said.descriptors.slice(0, 6).map((each) => made("li", `${each.name}: ${each.share >= 0 ? "+" : ""}${(100 * each.share).toFixed(1)} points`)));
    parts.push(list);
  }
  parts.push(made("h3", `${explanation.label} without each model`));
  const list = made("ul");
  list.append(...Object.entries(explanation.models).map(([name, said]) => made("li", `without ${name}: ${said.without === null ? "no answer" : percent(said.without)}`)));
  parts.push(list);
  at("reasons").replaceChildren(...parts);
  say("Explained");
}

async function record() {
  if (recorder) { recorder.stop(); return; }
  if (opening) return;
  if (!navigator.mediaDevices) throw new Error("browsers give a camera to pages of https and of this machine alone.");
  opening = true;  // a second click would open the camera twice
  say("Waiting for the camera");
  let stream;
  try {
    stream = await cameraOrMicrophone(navigator.mediaDevices);
    taken(stream);
  } catch (error) {
    released(stream);
    throw error;
  } finally { opening = false; }
}

async function cameraOrMicrophone(devices) {
  try {
    return await devices.getUserMedia({ video: true, audio: true });
  } catch (error) {
    if (error.name !== "NotFoundError") throw error;  // one of the two is missing: the other is enough for an answer
    const there = (await devices.enumerateDevices()).map((each) => each.kind);
    const video = there.includes("videoinput"), audio = there.includes("audioinput");
    if (video === audio) throw error;
    return devices.getUserMedia({ video, audio });
  }
}

function taken(stream) {
  const parts = [], started = new MediaRecorder(stream);
  started.ondataavailable = (event) => parts.push(event.data);
  started.onstop = () => {
    clearTimeout(ends);
    released(stream);
    tried(() => ask(new Blob(parts, { type: started.mimeType })));
  };
  started.start();
  const ends = setTimeout(() => started.stop(), 1000 * LONGEST);
  recorder = started;
  const seen = at("camera"), picture = stream.getVideoTracks().length > 0, sound = stream.getAudioTracks().length > 0;
  seen.srcObject = stream;
  seen.hidden = !picture;
  seen.play().catch(() => {});  // without a picture of it, it is recorded all the same
  at("record").textContent = "Stop and ask";
  const missing = picture && sound ? "" : ` without a ${picture ? "microphone" : "camera"}, since there is none`;
  say(`Recording${missing}; it ends by itself after ${LONGEST} seconds`);
}

function released(stream) {
  for (const track of stream ? stream.getTracks() : []) track.stop();
  recorder = null;
  at("camera").srcObject = null;
  at("camera").hidden = true;
  at("record").textContent = "Record from the camera";
}

at("file").onclick = (event) => { event.target.value = ""; };  // the same clip may be chosen again
at("file").onchange = (event) => { if (event.target.files[0]) tried(() => ask(event.target.files[0])); };
at("record").onclick = () => tried(record);
at("course").onclick = () => tried(course);
at("why").onclick = () => tried(why);
at("copy").onclick = () => tried(async () => {
  if (!navigator.clipboard) throw new Error("browsers let pages of https and of this machine alone copy; select the text.");
  await navigator.clipboard.writeText(at("json").textContent);
  say("Copied");
});
for (const kind of ["dragover", "dragleave", "drop"]) {  // beside the field, too: the browser would leave the page
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) tried(() => ask(event.dataTransfer.files[0]));
  });
}
