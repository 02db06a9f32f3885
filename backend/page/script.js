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
    body_too_large: "內容太大了。", database_unavailable: "資料庫暫時無法使用，請稍候再試。",
    not_found: "找不到此頁面。", method_not_allowed: "不支援此操作。", malformed_json: "傳送的內容格式錯誤。",
    invalid_request: "傳送的內容不正確。", wrong_content_type: "不支援此內容類型。", malformed_multipart: "上傳的內容不完整，請再試一次。",
    no_file: "請選擇檔案。", unknown_session: "找不到這段對話，請開始新的對話。", unknown_document: "找不到這份文件。",
    document_busy: "文件正在處理中，請稍候再試。", busy: "資料正在使用中，請稍候再試。", rag_disabled: "目前無法從文件中尋找答案。",
    model_denied: "目前無法使用語言模型，請聯絡管理員。", model_unavailable: "目前無法使用語言模型，請稍候再試。",
    model_error: "語言模型沒有給出答案，請再試一次。", database_not_configured: "系統沒有設定資料庫。",
    database_slow: "資料庫回應逾時，請稍候再試。", storage_unavailable: "檔案暫時無法存取，請稍候再試。",
    tokens_unavailable: "暫時無法驗證存取權杖，請稍候再試。", internal: "系統發生錯誤，請稍候再試。",
  },
  en: {
    title: "HR assistant", new: "New conversation", language: "中文", conversation: "Conversation", question: "Your question",
    placeholder: "Ask a question…", send: "Send", rag: "Look for the answer in the documents", documents: "Documents",
    token: "Access token", files: "Files", upload: "Upload", waiting: "Thinking…", sources: "Sources", remove: "Remove",
    stored: "Uploaded; it is being read.", none: "There are no documents yet.", offline: "The server cannot be reached.",
    pending: "waiting", processing: "being read", completed: "ready", failed: "failed",
  },
};

// Why a document could not be processed: what the server says begins or goes on like this.
const reasons = [
  ["its type cannot be read", "不支援此檔案類型"],
  ["the file is empty", "檔案是空的"],
  ["the file is not there any more", "檔案已不存在"],
  ["the file is larger than", "檔案太大了"],
  ["its text is", "文字內容太長了"],
  ["it has more than", "文件太長了"],
  ["no text was found", "找不到文字；掃描的文件請先做文字辨識"],
  ["took too long", "處理逾時，請重新上傳"],
  ["protected with a password", "檔案有密碼保護"],
  ["font encoding", "檔案使用的字型編碼無法讀取"],
  ["it is not a text", "不是可讀取的文字檔"],
  ["it is not HTML", "不是可讀取的 HTML"],
  ["it is not a Word document", "不是可讀取的 Word 文件"],
  ["it unpacks to more than", "解壓縮後太大了"],
  ["it is encrypted or damaged", "檔案已加密或損毀"],
  ["at the moment", "目前無法處理，請稍後重新上傳"],
  ["it is damaged", "檔案已損毀，或需要過多資源"],
  ["it could not be read", "無法讀取檔案"],
  ["the file could not be fetched", "暫時無法取得檔案，請稍後重新上傳"],
  ["the database was away", "資料庫暫時無法使用，請稍後重新上傳"],
  ["the model is busy", "系統忙碌中，請稍後重新上傳"],
  ["did not answer in time", "處理逾時，請重新上傳"],
  ["longer than the model takes", "文件內容超過語言模型的限制"],
  ["refuses to talk about this", "語言模型拒絕處理這份文件"],
  ["may not use the model", "目前無法使用語言模型，請聯絡管理員"],
  ["not an answer", "語言模型沒有給出答案"],
];

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

function reason(error) {
  const known = language === "en" ? undefined : reasons.find(([part]) => error.includes(part));
  return known?.[1] ?? error;
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
    item.textContent = `${entry.filename}: ${text(entry.status)}${entry.error ? ` (${reason(entry.error)})` : ""}`;
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
