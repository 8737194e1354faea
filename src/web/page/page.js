// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps the status page as the director is. Without it the page is the same, and fetched again as a whole.
'use strict';
(() => {
  const { path, prefix } = document.body.dataset;
  let version = document.body.dataset.version;
  const lost = document.getElementById('lost');
  const form = document.getElementById('filter');
  const services = document.getElementById('services');
  const none = document.getElementById('none');
  const seconds = () => performance.now() / 1000;

  // --- how long ago -------------------------------------------------------------------------------------------------

  const two = (large, a, small, b) => `${large} ${a} ${small} ${b}`;
  function span(all) {
    const s = Math.max(0, Math.round(all)), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
    if (d) return two(d, 'd', h % 24, 'h');
    if (h) return two(h, 'h', m % 60, 'min');
    return m ? two(m, 'min', s % 60, 's') : `${s} s`;
  }

  // The moment that a <time> counts from, or to when it is still to come.
  function moment(time) {
    if (time.from === undefined) time.from = seconds() - Number(time.dataset.s);
    return time.from;
  }

  function tick(root) {
    for (const time of root.querySelectorAll('time[data-s]')) {
      const since = seconds() - moment(time);
      const text = span(time.dataset.s.startsWith('-') ? -since : since);
      if (time.firstChild.data !== text) time.firstChild.data = text;
    }
  }

  // --- making one element like another, touching only what differs --------------------------------------------------

  const kept = new Set(['open', 'hidden']);
  const key = (node) => node.id || (node.nodeName === 'TR' && node.cells[0] ? node.cells[0].textContent : '');

  function morph(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.nodeName === 'TIME' && old.dataset.s !== undefined) {
      // It counts by itself: what was rounded otherwise is no difference.
      const from = seconds() - Number(fresh.dataset.s);
      if (Math.abs(moment(old) - from) < 1.5) return;
      old.from = from;
    }
    // What goes wrong opens. Otherwise a service is as its reader left it.
    if (old.nodeName === 'DETAILS' && fresh.dataset.g > 2 && old.dataset.g <= 2) old.open = true;
    for (const { name, value } of [...fresh.attributes]) {
      if (!kept.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!kept.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    children(old, fresh);
  }

  // Children with a name stay where they are; arrange() has its own order for them.
  function children(old, fresh) {
    const named = new Map([...old.children].filter(key).map((it) => [key(it), it]));
    const stays = new Set();
    let at = old.firstChild;
    const next = () => {
      while (at && stays.has(at)) at = at.nextSibling;
      return at;
    };
    const like = (kid) => next() && !key(at) && at.nodeName === kid.nodeName ? at : null;
    for (const kid of [...fresh.childNodes]) {
      const same = key(kid) ? named.get(key(kid)) : like(kid);
      if (same) {
        stays.add(same);
        morph(same, kid);
      } else {
        stays.add(old.insertBefore(kid, next()));
      }
    }
    for (const kid of [...old.childNodes]) if (!stays.has(kid)) kid.remove();
  }

  // --- what is shown, and in which order -----------------------------------------------------------------------------

  const number = (text) => (text === '' || text === undefined ? -1 : Number(text));
  const age = (row) => {
    const time = row.cells[1].querySelector('time');
    return time ? moment(time) : -Infinity;
  };
  const orders = {
    weight: (row) => number(row.dataset.w),
    latency: (row) => number(row.dataset.l),
    since: age,
  };
  const rows = (service) => [...service.querySelectorAll('tbody > tr')];
  const first = new Map();

  // Only what is at a wrong place moves: it would lose its focus and what is selected in it.
  function sorted(parent, wanted) {
    let at = parent.firstElementChild;
    for (const it of wanted) {
      if (it === at) at = at.nextElementSibling;
      else parent.insertBefore(it, at);
    }
  }

  function arrange(only) {
    const { show, q, sort } = Object.fromEntries(new FormData(form));
    const text = q.toLowerCase(), order = orders[sort];
    for (const service of only || services.children) {
      const all = rows(service);
      if (!first.has(service.id)) first.set(service.id, all.map(key));
      narrow(service, all, show === 'not-up', text);
      const body = service.querySelector('tbody');
      const value = order || ((row) => -first.get(service.id).indexOf(key(row)));
      const ranked = all.map((row) => [value(row), row]).sort((a, b) => (b[0] > a[0]) - (b[0] < a[0]));
      sorted(body, ranked.map(([, row]) => row));
      service.rank = order ? (ranked.length ? ranked[0][0] : -Infinity) : sort === 'name' ? 0 : Number(service.dataset.g);
    }
    const place = (it) => Number(it.dataset.n);
    const rank = (it) => it.rank ?? Number(it.dataset.g);
    sorted(services, [...services.children].sort((a, b) => (rank(b) > rank(a)) - (rank(b) < rank(a)) || place(a) - place(b)));
    none.hidden = [...services.children].some((it) => !it.hidden);
  }

  function narrow(service, all, notUp, text) {
    const named = !text || service.querySelector('summary').textContent.toLowerCase().includes(text);
    let seen = 0;
    for (const row of all) {
      const fits = (!notUp || !/^(right|unchecked)$/.test(row.className)) &&
        (named || row.textContent.toLowerCase().includes(text));
      row.hidden = !fits;
      seen += fits;
    }
    const up = service.dataset.g < 2;
    service.hidden = (notUp && up) || (!named && !seen);
  }

  function asked() {
    arrange();
    const query = new URLSearchParams(new FormData(form));
    for (const [name, plain] of [['show', 'all'], ['q', ''], ['sort', 'state']]) {
      if (query.get(name) === plain) query.delete(name);
    }
    history.replaceState(null, '', query.size ? `${path}?${query}` : path);
  }

  // --- what comes from the director ------------------------------------------------------------------------------------

  function take(part) {
    const holder = document.createElement('template');
    holder.innerHTML = part;
    const fresh = holder.content.firstElementChild;
    const old = fresh && document.getElementById(fresh.id);
    if (!old) return null;
    first.delete(fresh.id);
    if (old.matches('.service')) first.set(fresh.id, rows(fresh).map(key));
    morph(old, fresh);
    return old.matches('.service') ? old : null;
  }

  function titled() {
    document.title = `${document.getElementById('director').dataset.title} - director`;
  }

  async function fetchAll() {
    const answer = await fetch(path, { redirect: 'error' });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    first.clear();
    for (const id of ['director', 'pair', 'services', 'events']) {
      morph(document.getElementById(id), page.getElementById(id));
    }
    for (const it of page.querySelectorAll('.service')) first.set(it.id, rows(it).map(key));
    version = page.body.dataset.version;
    arrange();
    titled();
  }

  let source, heard, since;
  const SILENT = 40;

  function alive() {
    heard = seconds();
    since = undefined;
    lost.hidden = true;
  }

  function gone() {
    source.close();
    since ||= new Date().toLocaleTimeString('en-GB');
    lost.textContent = `\u2716\ufe0e connection to the director lost since ${since}`;
    lost.hidden = false;
    setTimeout(connect, 2000);
  }

  function connect() {
    heard = seconds();
    source = new EventSource(`${prefix}/live?seen=${version}`);
    source.onmessage = ({ data }) => {
      alive();
      const update = JSON.parse(data);
      ({ version } = update);
      const touched = update.parts.map(take).filter((it) => it);
      if (touched.length) arrange(touched);
      titled();
    };
    source.addEventListener('all', () => {
      alive();
      fetchAll().catch(gone);
    });
    source.addEventListener('beat', alive);
    source.onerror = gone;
  }

  // What is open on the screen shows its last checks, too: one service a second, the oldest first.
  const pulled = new WeakMap();
  const onScreen = (it) => {
    const { top, bottom } = it.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };

  async function pull(open) {
    const [oldest] = open.sort((a, b) => (pulled.get(a) || 0) - (pulled.get(b) || 0));
    if (!oldest || since || document.hidden) return;
    pulled.set(oldest, seconds());
    const query = new URLSearchParams({ key: oldest.dataset.key });
    const answer = await fetch(`${prefix}/service?${query}`, { redirect: 'error' });
    if (!answer.ok) return;
    const touched = take(await answer.text());
    if (touched) arrange([touched]);
  }

  setInterval(() => {
    if (!since && seconds() - heard > SILENT) gone();
    if (document.hidden) return;
    const open = [...services.querySelectorAll('details[open]:not([hidden])')].filter(onScreen);
    for (const root of [document.getElementById('director'), document.getElementById('pair'), ...open]) tick(root);
    pull(open).catch(() => {});
  }, 1000);

  for (const time of document.querySelectorAll('time[data-s]')) moment(time);
  form.addEventListener('input', asked);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    asked();
  });
  connect();
  // A page that was asked for in parts, or in another order, becomes whole.
  if (document.body.dataset.whole !== 'true') fetchAll().catch(gone);
})();
