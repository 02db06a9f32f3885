// The chat page. Everything that comes from a server is put in as text, never as markup.

const texts = {
  "zh-Hant-TW": {
    title: "人資助理", new: "新對話", language: "English", conversation: "對話", question: "您的問題",
    placeholder: "請輸入您的問題…", send: "送出", rag: "從文件中尋找答案", documents: "文件", token: "存取權杖",
    files: "檔案", upload: "上傳", waiting: "思考中…", sources: "資料來源", remove: "刪除", stored: "已上傳，處理中。",
    none: "還沒有文件。", offline: "無法連線到伺服器。",
    pending: "等待處理", processing: "處理中", completed: "完成", failed: "失敗",
    rate_limited: "您的提問太頻繁了，請稍候再試。", overloaded: "系統忙碌中，請稍候再試。", model_busy: "系統忙碌中，請稍候再試。",
    model_timeout: "回答逾時，請再試一次。", timed_out: "回答逾時，請再試一次。", message_too_long: "訊息太長了，請縮短後再試。",
    prompt_too_long: "對話太長了，請開始新的對話。", content_refused: "很抱歉，無法回答這個問題。",
    token_missing: "請輸入存取權杖。", token_invalid: "存取權杖無效。", token_expired: "存取權杖已過期。",
    unsupported_type: "不支援此檔案類型。", content_mismatch: "檔案內容與副檔名不符。", empty_file: "檔案是空的。",
    body_too_large: "檔案太大了。", database_unavailable: "資料庫暫時無法使用，請稍候再試。",
  },
  en: {
    title: "HR assistant", new: "New conversation", language: "中文", conversation: "Conversation", question: "Your question",
    placeholder: "Ask a question…", send: "Send", rag: "Look for the answer in the documents", documents: "Documents",
    token: "Access token", files: "Files", upload: "Upload", waiting: "Thinking…", sources: "Sources", remove: "Remove",
    stored: "Uploaded; it is being read.", none: "There are no documents yet.", offline: "The server cannot be reached.",
    pending: "waiting", processing: "being read", completed: "ready", failed: "failed",
  },
};

const element = (id) => document.getElementById(id);
const storage = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* private window */ } },
};

let language = storage.get("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh-Hant-TW" : "en");
let session = storage.get("session");
let api = "";

function text(key) {
  return texts[language]?.[key] ?? texts.en[key];
}

function translate() {
  document.documentElement.lang = language;
  document.title = text("title");
  for (const item of document.querySelectorAll("[data-text]")) item.textContent = text(item.dataset.text);
  for (const item of document.querySelectorAll("[data-placeholder]")) item.placeholder = text(item.dataset.placeholder);
  for (const item of document.querySelectorAll("[data-label]")) item.setAttribute("aria-label", text(item.dataset.label));
  element("language").textContent = text("language");
  element("language").lang = language === "en" ? "zh-Hant-TW" : "en";
}

// A refusal with the server's own words, in the reader's language where there is one for it.
class Refusal extends Error {
  constructor(error) {
    super(text(error?.code) ?? error?.message ?? text("offline"));
    this.code = error?.code;
  }
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(`${api}/api${path}`, options);
  } catch {
    throw new Refusal();
  }
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(body?.error);
  return body;
}

function post(path, body) {
  return call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

function show(role, content) {
  const item = document.createElement("li");
  item.className = role;
  item.textContent = content;
  element("messages").append(item);
  item.scrollIntoView({ block: "end" });
  return item;
}

function showSources(item, sources) {
  if (!sources?.length) return;
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = `${text("sources")} (${sources.length})`;
  details.append(summary);
  sources.forEach((source, index) => {
    const name = document.createElement("cite");
    name.textContent = `[${index + 1}] ${source.filename}`;
    const quote = document.createElement("blockquote");
    quote.textContent = source.content;
    details.append(name, quote);
  });
  item.append(details);
}

function remember(id) {
  session = id;
  storage.set("session", id);
}

async function ask(event) {
  event.preventDefault();
  const field = element("message");
  const message = field.value.trim();
  if (!message || element("send").disabled) return;
  show("user", message);
  field.value = "";
  element("send").disabled = true;
  const waiting = show("waiting", text("waiting"));
  try {
    const useRag = element("rag").checked;
    const request = { message, ...(session && { session_id: session }) };
    const answer = useRag ? await post("/query", { ...request, use_rag: true }) : await post("/chat", request);
    remember(answer.session_id);
    showSources(show("assistant", answer.response), answer.sources);
  } catch (error) {
    show("error", error.message).setAttribute("role", "alert");
    if (!field.value) field.value = message;
  } finally {
    waiting.remove();
    element("send").disabled = false;
    field.focus();
  }
}

// After a reload the conversation is there again.
async function restore() {
  if (!session) return;
  try {
    const history = await call(`/sessions/${encodeURIComponent(session)}`);
    for (const message of history.messages) show(message.role, message.content);
  } catch (error) {
    if (error.code === "unknown_session") remember(null);
  }
}

const authorization = () => ({ authorization: `Bearer ${element("token").value.trim()}` });

async function guarded(action) {
  const notice = element("notice");
  notice.className = "";
  try {
    notice.textContent = (await action()) ?? "";
  } catch (error) {
    notice.className = "failed";
    notice.textContent = error.message;
  }
}

async function upload(event) {
  event.preventDefault();
  await guarded(async () => {
    const form = new FormData();
    for (const file of element("files").files) form.append("files", file);
    await call("/upload/document", { method: "POST", headers: authorization(), body: form });
    element("files").value = "";
    watch();
    return text("stored");
  });
}

async function list() {
  const found = await call("/documents", { headers: authorization() });
  const items = found.documents.map((entry) => {
    const item = document.createElement("li");
    item.dataset.status = entry.status;
    item.textContent = `${entry.filename}: ${text(entry.status)}${entry.error ? ` (${entry.error})` : ""}`;
    if (entry.status === "failed") item.className = "failed";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text("remove");
    button.addEventListener("click", () => guarded(async () => {
      await call(`/documents/${entry.id}`, { method: "DELETE", headers: authorization() });
      await list();
    }));
    item.append(button);
    return item;
  });
  element("list").replaceChildren(...items);
  return found.documents;
}

// Looks again until every document is read.
function watch(tries = 60) {
  guarded(async () => {
    const documents = await list();
    const open = documents.some((entry) => entry.status === "pending" || entry.status === "processing");
    if (open && tries > 0) setTimeout(() => watch(tries - 1), 1000);
    return documents.length ? "" : text("none");
  });
}

element("ask").addEventListener("submit", ask);
element("message").addEventListener("keydown", (event) => {
  // Enter that ends the choice of a character does not send.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) element("ask").requestSubmit();
  else return;
  event.preventDefault();
});
element("new").addEventListener("click", () => {
  remember(null);
  element("messages").replaceChildren();
  element("message").focus();
});
element("language").addEventListener("click", () => {
  language = language === "en" ? "zh-Hant-TW" : "en";
  storage.set("language", language);
  translate();
});
element("upload").addEventListener("submit", upload);
element("token").addEventListener("change", () => watch());

translate();
const settings = await fetch("page/settings.json").then((response) => response.json()).catch(() => ({}));
api = settings.api ?? "";
element("rag-option").hidden = settings.rag === false;
await restore();
document.body.dataset.ready = "true";
