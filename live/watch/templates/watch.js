"use strict";
(() => {
  const THIN = "\u202f";
  const MINUS = "\u2212";
  const NONE = "–";
  const NEAR = 0.8;
  const LOST_AFTER = 8000;
  const by = (id) => document.getElementById(id);
  let status = null;
  let judged = null;
  let heard = 0;
  let judgedAt = 0;
  let linked = false;

  // --- text ---

  function number(value, digits = 0) {
    if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replaceAll(",", THIN);
    return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
  }

  function money(value, digits = 2) {
    const text = number(value, digits);
    if (text === NONE) return text;
    return text.startsWith(MINUS) ? `${MINUS}$${text.slice(1)}` : `$${text}`;
  }

  function quantity(value) {
    if (value === null || Number.isInteger(value)) return number(value);
    return number(value, Math.abs(value) >= 1 ? 4 : 9).replace(/0+$/, "");
  }

  function signed(text, value) {
    return value > 0 && text !== NONE ? `+${text}` : text;
  }

  function percent(value, digits = 2) {
    return value === null || !Number.isFinite(value) ? NONE : `${number(value * 100, digits)}%`;
  }

  function words(code) {
    return code.replaceAll("_", " ");
  }

  function clock(text, date = false) {
    if (!text) return NONE;
    return date ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : text.slice(11, 19);
  }

  // A time of the snapshot's own day needs no date.
  function when(text) {
    return text && text.slice(0, 10) !== status.ts.slice(0, 10) ? text.slice(5, 16).replace("T", " ") : clock(text);
  }

  function span(seconds) {
    if (seconds === null || seconds === undefined) return NONE;
    if (seconds >= 172800) return `${number(seconds / 86400)}${THIN}d`;
    if (seconds >= 7200) return `${number(seconds / 3600)}${THIN}h`;
    if (seconds >= 120) return `${number(seconds / 60)}${THIN}min`;
    if (seconds >= 1) return `${number(seconds, seconds < 10 ? 1 : 0)}${THIN}s`;
    if (seconds >= 1e-3) return `${number(seconds * 1e3, 1)}${THIN}ms`;
    return `${number(seconds * 1e6, 1)}${THIN}µs`;
  }

  function put(id, text, kind = "") {
    const element = by(id);
    if (element.textContent !== text) element.textContent = text;
    if (element.dataset.kind !== kind) {
      if (element.dataset.kind) element.classList.remove(element.dataset.kind);
      if (kind) element.classList.add(kind);
      element.dataset.kind = kind;
    }
  }

  const kindOf = (value) => (value < 0 ? "loss" : value > 0 ? "gain" : "");

  // --- tables: rows are kept by key, so that nothing flickers and a selection stays ---

  // A cell is a text or [text, class]; `fresh` marks rows that were not there before.
  function fill(id, rows, fresh = false) {
    const table = by(id);
    const body = table.tBodies[0];
    const heads = table.tHead ? [...table.tHead.rows[0].cells].map((cell) => cell.className) : [];
    const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
    const wanted = new Set(rows.map(([key]) => key));
    for (const [key, row] of known) if (!wanted.has(key)) row.remove();
    rows.forEach(([key, cells], place) => {
      let row = known.get(key);
      if (!row) {
        row = document.createElement("tr");
        row.dataset.key = key;
        if (fresh && table.dataset.begun) row.className = "fresh";
        for (let k = 0; k < cells.length; k += 1) row.append(document.createElement(!table.tHead && k === 0 ? "th" : "td"));
      }
      if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
      cells.forEach((cell, k) => {
        const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
        const element = row.cells[k];
        const name = [heads[k] ?? "", kind].filter(Boolean).join(" ");
        if (element.textContent !== text) element.textContent = text;
        if (element.className !== name) element.className = name;
      });
    });
    table.dataset.begun = "yes";
    const none = by(`${id}-none`);
    if (none) none.hidden = rows.length > 0;
    if (none) table.closest(".scroll").hidden = rows.length === 0;
  }

  // Rows that look alike still need a key each: they are counted.
  function keyed(records, name, cells) {
    const seen = new Map();
    return records.map((record) => {
      const base = name(record);
      const count = (seen.get(base) ?? 0) + 1;
      seen.set(base, count);
      return [`${base}#${count}`, cells(record)];
    });
  }

  // --- the parts of the page ---

  const VENUES = { local: "local venue, recorded market", paper: "paper account", real_money: "REAL MONEY" };

  function showHead() {
    put("venue", VENUES[status.venue] ?? status.venue, status.venue === "real_money" ? "loss" : "");
    put("scenario", status.scenario);
    const facts = [status.run, status.session ? `session ${status.session}` : "between sessions", `exchange time ${clock(status.ts, true)} UTC`];
    const list = by("facts");
    while (list.children.length < facts.length) list.append(document.createElement("span"));
    facts.forEach((fact, k) => { if (list.children[k].textContent !== fact) list.children[k].textContent = fact; });
    const title = `${status.scenario} ${money(status.equity, 0)}`;
    if (document.title !== title) document.title = title;
    put("foot", status.digest ? `Digest ${status.digest} · snapshot ${number(status.number)}` : `Snapshot ${number(status.number)}`);
  }

  function showTiles() {
    const profit = status.equity === null || status.session_equity === null ? null : status.equity - status.session_equity;
    put("equity", money(status.equity));
    put("equity-below", `cash ${money(status.cash)}`);
    put("profit", signed(money(profit), profit), kindOf(profit));
    const total = status.equity === null || !status.initial_cash ? null : status.equity / status.initial_cash - 1;
    put("profit-below", `${signed(percent(profit === null ? null : profit / status.session_equity), profit)}; since the start ${signed(percent(total), total)}`);
    put("gross", status.equity && status.gross !== null ? percent(status.gross / status.equity, 1) : NONE);
    put("gross-below", `gross ${money(status.gross, 0)}, net ${money(status.net, 0)}`);
    put("phase", words(status.phase), ["failed", "paused"].includes(status.phase) ? "loss" : "");
    const next = status.market_open ? status.next_close : status.next_open;
    const until = next && next > status.ts ? ` until ${clock(next, next.slice(0, 10) !== status.ts.slice(0, 10))} UTC` : "";
    put("phase-below", `market ${status.market_open ? "open" : "closed"}${until}`);
  }

  function notices() {
    const found = [];
    const add = (title, text, warning = true) => found.push([title, text, warning]);
    if (!linked) add("Not connected", "This page does not hear from the session; it tries again by itself. What stands below is old.");
    if (judged) for (const reason of judged.health.reasons) add("Not healthy", reason);
    if (!status) return found;
    if (status.kill.on) add("Kill switch", `On since ${clock(status.kill.since, true)} UTC, by ${status.kill.by}${status.kill.reason ? `: ${status.kill.reason}` : ""}. Only orders that reduce a position pass.`);
    if (status.halt) add("Halted", `${status.halt}. Only orders that reduce a position pass.`);
    const proxies = Object.entries(status.proxies);
    if (proxies.length) add("Stand-in data", `${proxies.map(([symbol, source]) => `${symbol} is fed by ${source}`).join(", ")}. These are not the prices of these symbols.`);
    if (status.synthetic.length) add("Synthetic", `The prices of ${status.synthetic.join(", ")} are generated.`);
    for (const warning of status.warnings) add("Warning", warning, false);
    return found;
  }

  let shownNotices = "";
  function showNotices() {
    const found = notices();
    const text = JSON.stringify(found);
    if (text === shownNotices) return;
    shownNotices = text;
    by("notices").replaceChildren(...found.map(([title, told, warning]) => {
      const item = document.createElement("li");
      if (warning) item.className = "warning";
      const name = document.createElement("b");
      const what = document.createElement("span");
      name.textContent = title;
      what.textContent = told;
      item.append(name, what);
      return item;
    }));
  }

  function showLimits() {
    const list = by("limits");
    by("limits-none").hidden = status.limits.length > 0;
    while (list.children.length > status.limits.length) list.lastChild.remove();
    status.limits.forEach((limit, k) => {
      let item = list.children[k];
      if (!item) {
        item = document.createElement("div");
        item.className = "limit";
        item.innerHTML = '<div class="row"><span></span><span></span></div><div class="bar" role="meter" aria-valuemin="0" aria-valuemax="100"><div></div></div>';
        list.append(item);
      }
      const [name, amount] = item.querySelectorAll("span");
      const rate = limit.name.includes("per_second");
      const shown = (value) => (rate ? number(value) : percent(value, 1));
      name.textContent = words(limit.name) + (limit.where ? ` · ${limit.where}` : "");
      amount.textContent = limit.limit === null ? `${shown(limit.used)}, no limit` : `${shown(limit.used)} of ${shown(limit.limit)}`;
      const bar = item.querySelector(".bar");
      bar.hidden = limit.limit === null;
      bar.classList.toggle("near", limit.share >= NEAR);
      bar.setAttribute("aria-valuenow", String(Math.round(limit.share * 100)));
      bar.setAttribute("aria-label", words(limit.name));
      bar.firstChild.style.width = `${Math.min(1, Math.max(0, limit.share)) * 100}%`;
    });
  }

  function showStreams() {
    const seconds = (text) => (text ? Math.max(0, (Date.parse(status.wall) - Date.parse(text)) / 1000) : null);
    const kind = (state) => `state ${state === "up" ? "" : state === "off" ? "off" : "bad"}`.trim();
    fill("streams", status.streams.map((stream) => [stream.name, [
      stream.name,
      [stream.detail ? `${words(stream.state)}: ${stream.detail}` : words(stream.state), kind(stream.state)],
      stream.last_message ? `${span(seconds(stream.last_message))} ago` : NONE,
      number(stream.reconnects),
    ]]));
    const feed = status.feed;
    const rows = [
      ["Events", number(feed.events)],
      ["Waiting", number(feed.backlog)],
      ["Late or revised", `${number(feed.late)} or ${number(feed.revised)}`],
      ["Quotes shed", number(feed.shed_quotes)],
      ["Last slice", feed.last_slice ? `${clock(feed.last_slice, true)} UTC` : NONE],
    ];
    if (feed.delay !== null) rows.push(["Delay of arrival", span(feed.delay)]);
    fill("feed", rows.map(([name, text]) => [name, [name, text]]));
  }

  function showPositions() {
    const marks = (row) => [row.proxy ? `fed by ${row.proxy}` : "", row.synthetic ? "synthetic" : "", row.halted ? "halted" : ""].filter(Boolean).join(", ");
    fill("positions", status.positions.map((row) => [row.symbol, [
      row.symbol, quantity(row.quantity), money(row.mark), money(row.value),
      [signed(money(row.unrealised), row.unrealised), kindOf(row.unrealised)], [signed(money(row.realised), row.realised), kindOf(row.realised)],
      [marks(row), "loss"],
    ]]));
    put("positions-count", status.positions.length ? number(status.positions.length) : "");
    fill("orders", status.orders.map((row) => [row.order_id, [
      row.order_id, row.symbol, signed(quantity(row.quantity), row.quantity), quantity(row.filled), `${words(row.type)}, ${row.tif}`,
      row.limit === null ? "" : money(row.limit), row.stop === null ? "" : money(row.stop), words(row.status), when(row.submitted),
    ]]));
    put("orders-count", status.orders.length ? number(status.orders.length) : "");
  }

  function showDecisions() {
    const verdict = (row) => (row.code ? `${row.verdict}: ${words(row.code)}` : row.verdict);
    const decisions = keyed(status.decisions, (row) => `${row.order_id} ${row.ts}`, (row) => [
      when(row.ts), row.order_id, row.symbol, signed(quantity(row.quantity), row.quantity), signed(quantity(row.approved), row.approved),
      [verdict(row), row.verdict === "refused" ? "loss" : ""],
    ]);
    fill("decisions", decisions.reverse(), true);
    const fills = keyed(status.fills, (row) => `${row.order_id} ${row.ts}`, (row) => [
      when(row.ts), row.order_id, row.symbol, signed(quantity(row.quantity), row.quantity), money(row.price), money(row.fee),
    ]);
    fill("fills", fills.reverse(), true);
  }

  function showRest() {
    fill("latency", status.latency.map((row) => [row.stage, [
      words(row.stage), span(row.p50), span(row.p90), span(row.p99), span(row.highest), number(row.count),
    ]]));
    fill("counts", Object.entries(status.counts).map(([name, count]) => [name, [words(name), number(count)]]));
  }

  function showSwitch() {
    const button = by("kill");
    const on = Boolean(status?.kill.on);
    button.disabled = !status || !linked;
    button.textContent = on ? "Kill switch is on" : "Kill switch";
    button.setAttribute("aria-pressed", String(on));
    put("kill-state", on ? "new risk is refused" : status ? "off" : "");
  }

  function show() {
    if (status && "run" in status) {
      showHead();
      showTiles();
      showLimits();
      showStreams();
      showPositions();
      showDecisions();
      showRest();
    }
    showAlways();
  }

  function showAlways() {
    showNotices();
    showSwitch();
    const age = judged?.age === null || judged?.age === undefined ? null : judged.age + (Date.now() - judgedAt) / 1000;
    put("equity-note", age === null ? "" : `reported ${age < 2 ? "just now" : `${span(age)} ago`}`, age > 10 ? "loss" : "");
  }

  // --- the stream ---

  function judge(found) {
    judged = { health: found.health, age: found.age };
    judgedAt = Date.now();
    heard = Date.now();
    linked = true;
  }

  function listen() {
    const source = new EventSource("/stream");
    source.addEventListener("curve", (event) => {
      judgedAt = heard = Date.now();
      Curve.start(JSON.parse(event.data).points);
    });
    source.addEventListener("status", (event) => {
      const found = JSON.parse(event.data);
      judge(found);
      status = found;
      if (found.equity !== null) Curve.add(Date.parse(found.ts), found.equity);
      show();
      document.documentElement.dataset.number = String(found.number);
    });
    source.addEventListener("beat", (event) => {
      judge(JSON.parse(event.data));
      showAlways();
    });
    source.addEventListener("error", () => {
      linked = false;
      showAlways();
      // A browser gives up for good after some answers; begin anew then.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    });
  }

  setInterval(() => {
    if (linked && Date.now() - heard > LOST_AFTER) linked = false;
    showAlways();
  }, 1000);

  // --- actions ---

  async function post(path, body) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin" });
    const found = await answer.json().catch(() => ({ error: `the session answered ${answer.status}` }));
    return { code: answer.status, ...found };
  }

  // Resolves to whether the dialog was confirmed; `attempt` returns an error to show, or nothing.
  function ask(dialog, no, yes, trouble, attempt) {
    return new Promise((resolve) => {
      const form = dialog.querySelector("form");
      by(trouble).textContent = "";
      form.onsubmit = async (event) => {
        event.preventDefault();
        by(yes).disabled = true;
        const error = await attempt().catch(() => "the session does not answer");
        by(yes).disabled = false;
        by(trouble).textContent = error ?? "";
        if (!error) dialog.close("yes");
      };
      by(no).onclick = () => dialog.close("no");
      dialog.onclose = () => resolve(dialog.returnValue === "yes");
      dialog.returnValue = "";
      dialog.showModal();
    });
  }

  async function login() {
    return ask(by("login"), "login-no", "login-yes", "login-trouble", async () => {
      const answer = await post("/login", { token: by("token").value.trim() });
      by("token").value = "";
      return answer.error;
    });
  }

  // Returns a ticket, or an error; asks for the token where it is missing.
  async function propose(action) {
    let answer = await post("/actions", { action });
    if (answer.code === 401 && await login()) answer = await post("/actions", { action });
    return answer;
  }

  function question(action) {
    if (action === "kill_off") return ["Turn the kill switch off?", "The session will take new risk again, within its limits.", "Allow new risk"];
    const held = status.kill.flattens ? "It also closes all positions." : "What is held stays held.";
    const text = `The session cancels its open orders, and refuses every order that opens or enlarges a position; orders that reduce one still pass. ${held}`;
    return ["Turn the kill switch on?", text, status.kill.flattens ? "Stop and close" : "Refuse new risk"];
  }

  async function kill() {
    const action = status.kill.on ? "kill_off" : "kill_on";
    const proposed = await propose(action).catch(() => ({ error: "the session does not answer" }));
    if (proposed.error) {
      put("kill-state", proposed.error, "loss");
      return;
    }
    const [title, text, yes] = question(action);
    put("confirm-title", title);
    put("confirm-text", text);
    put("confirm-yes", yes);
    by("reason").value = "";
    await ask(by("confirm"), "confirm-no", "confirm-yes", "confirm-trouble", async () => (
      (await post("/actions/confirm", { ticket: proposed.ticket, reason: by("reason").value })).error
    ));
  }

  by("kill").addEventListener("click", kill);

  // The address that the session printed carries the token behind the #, where no server and no log sees it.
  async function admit() {
    const found = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!found) return;
    history.replaceState(null, "", location.pathname);
    await post("/login", { token: found });
  }

  window.addEventListener("hashchange", admit);
  admit().finally(() => {
    showAlways();
    listen();
  });
})();
