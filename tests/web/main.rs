// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page in a real Chromium, of a director that the test makes up. It needs no kernel with IPVS.
//!
//! `UPDATE_SCREENSHOTS=1 cargo test --test web screenshots` makes the pictures in `docs/img`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong"
)]

mod browser;
mod fake;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lvs_director::control::{DrainStatus, Status};
use serde_json::{Value, json};

use browser::Browser;
use fake::{Fake, Server, down, many, usual};

/// One browser at a time is enough for a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// A director, its page, and a browser that has it open.
struct Room {
    browser: Browser,
    server: Server,
    fake: Arc<Fake>,
    _turn: MutexGuard<'static, ()>,
}

impl Room {
    fn with(status: Status) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let fake = Fake::of(status);
        Self {
            server: Server::start(&fake),
            browser: Browser::start().unwrap(),
            fake,
            _turn: turn,
        }
    }

    fn open(&self) -> &Browser {
        self.browser.go(&self.server.url());
        &self.browser
    }
}

/// How many of these can be seen.
fn seen(browser: &Browser, what: &str) -> Value {
    browser.is(&format!(
        "[...document.querySelectorAll('{what}')].filter(it => it.checkVisibility()).length"
    ))
}

const NONE: [String; 0] = [];

#[test]
fn the_page_shows_services_servers_routers_and_the_pair_and_nobody_complains() {
    let status = Status {
        uptime_seconds: 20,
        ..usual()
    };
    let room = Room::with(status);
    let browser = room.open();
    let text = browser.is("document.body.innerText").to_string();
    for wanted in [
        "TCP 192.0.2.10:5672",
        "10.0.0.7:53",
        "amqp 10.0.0.5:5672",
        "all up",
        "vrid 51",
        "192.0.2.2:9568",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(browser.is("document.title"), "all up - director");
    assert_eq!(seen(browser, "tbody tr"), 10);
    // The script runs: what is shown grows older by itself.
    let age = "document.querySelector('#director time').textContent";
    let before = browser.is(age);
    browser.until(&format!("{age} !== {before}"));
    assert_eq!(browser.complaints(), NONE);
}

#[test]
fn a_server_dies_under_ones_eyes_and_all_else_stays_as_it_is() {
    let room = Room::with(many(20));
    let browser = room.open();
    browser.size(1000, 500);
    let first = "document.getElementById('TCP-198.18.0.1:80')";
    let fifth = "document.getElementById('TCP-198.18.0.5:80')";
    assert_eq!(browser.is(&format!("{fifth}.open")), false);
    // A person has opened a service, selected an address in it, gone to it by the keyboard, and scrolled.
    browser.run(&format!(
        "window.mark = 'no reload'; {first}.open = true;
         getSelection().selectAllChildren({first}.querySelector('tbody th'));
         {first}.querySelector('summary').focus({{preventScroll: true}});
         scrollTo(0, 120);"
    ));
    let selected = browser.is("getSelection().toString()");
    assert_eq!(selected, "10.0.1.1:80");
    room.fake.kill(4, 2);
    browser.until("document.title === '1 down - director'");
    browser.until("document.getElementById('events').innerText.includes('connection refused')");
    // It opens, says why, and is the first now.
    assert_eq!(browser.is(&format!("{fifth}.open")), true);
    let text = browser.is(&format!("{fifth}.innerText")).to_string();
    assert!(
        text.contains("down") && text.contains("connection refused") && text.contains("9 of 10 up"),
        "{text}"
    );
    assert_eq!(
        browser.is("document.querySelector('.service').id"),
        "TCP-198.18.0.5:80"
    );
    // And nothing else has happened.
    assert_eq!(browser.is("window.mark"), "no reload");
    assert_eq!(browser.is(&format!("{first}.open")), true);
    assert_eq!(browser.is("getSelection().toString()"), selected);
    let focus = browser.is(&format!(
        "document.activeElement === {first}.querySelector('summary')"
    ));
    assert_eq!(focus, true);
    assert!(browser.is("scrollY").as_f64().unwrap() > 0.0);
    // It comes back: the service closes for nobody, and goes to its place.
    room.fake
        .change(|it| it.services[4] = many(20).services[4].clone());
    browser.until("document.title === 'all up - director'");
    browser.until("document.querySelector('.service').id === 'TCP-198.18.0.1:80'");
    assert_eq!(browser.complaints(), NONE);
}

#[test]
fn a_person_filters_at_once_and_the_address_keeps_it() {
    let room = Room::with(usual());
    let browser = room.open();
    browser.run("window.mark = 'no reload'");
    let fill = |name: &str, value: &str| {
        browser.run(&format!(
            "const it = document.querySelector('[name={name}]'); it.value = '{value}';
             it.dispatchEvent(new Event('input', {{bubbles: true}}));"
        ));
    };
    fill("q", "10.0.0.7:53");
    assert_eq!(seen(browser, ".service tbody tr"), 1);
    assert_eq!(browser.is("location.search"), "?q=10.0.0.7%3A53");
    fill("q", "");
    fill("show", "not-up");
    assert_eq!(seen(browser, ".service"), 0);
    assert_eq!(seen(browser, "#none"), 1);
    // What goes down comes into sight.
    room.fake.kill(2, 1);
    browser.until("[...document.querySelectorAll('.service tbody tr')].filter(it => it.checkVisibility()).length === 1");
    fill("show", "all");
    fill("sort", "weight");
    assert_eq!(seen(browser, ".service tbody tr"), 9);
    assert_eq!(browser.is("window.mark"), "no reload");
    // The address of a part shows that part, and the whole is there when it is asked for.
    browser.go(&format!("{}?show=not-up", room.server.url()));
    assert_eq!(seen(browser, ".service tbody tr"), 1);
    browser.until("document.querySelectorAll('.service').length === 3");
    assert_eq!(seen(browser, ".service tbody tr"), 1);
    assert_eq!(browser.complaints(), NONE);
}

/// With long texts everywhere.
fn crowded() -> Status {
    let mut status = usual();
    let long = "https://example.com/a/very/long/path/without/any/blank/".repeat(4);
    status.reload_error = Some(long.clone());
    status.routers[0].problem = Some(long.clone());
    status.routers[0].master = Some(fake::elsewhere());
    for it in &mut status.services[0].servers {
        down(it, &long);
    }
    status.services[0].servers[1].server = "[2001:db8:1234:5678:9abc:def0:1234:5678]:5672"
        .parse()
        .unwrap();
    status.services[0].alarm = Some(long);
    status
}

#[test]
fn nothing_scrolls_sideways_on_a_phone() {
    let room = Room::with(crowded());
    room.browser.size(360, 740);
    let browser = room.open();
    assert_eq!(browser.is("innerWidth"), 360);
    assert_eq!(browser.is("document.documentElement.scrollWidth"), 360);
    let wide = "[...document.querySelectorAll('body *')].filter(it => it.getBoundingClientRect().right > 360.5)";
    assert_eq!(
        browser.is(&format!("{wide}.map(it => it.outerHTML.slice(0, 200))")),
        json!([])
    );
    assert_eq!(browser.complaints(), NONE);
}

#[test]
fn who_likes_it_dark_gets_it_dark_and_can_read_it() {
    let room = Room::with(crowded());
    let browser = room.open();
    // The contrast of each text with what is behind it, as WCAG 2 reckons it.
    let contrast = "(() => {
        const light = ([r, g, b]) => [r, g, b].map(it => it / 255)
            .map(it => it <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4)
            .reduce((sum, it, n) => sum + it * [.2126, .7152, .0722][n], 0);
        const numbers = text => text.match(/[\\d.]+/g).map(Number);
        const ground = it => {
            for (; it; it = it.parentElement) {
                const colour = numbers(getComputedStyle(it).backgroundColor);
                if (colour.length < 4 || colour[3] > 0) return colour;
            }
            return [255, 255, 255];
        };
        const texts = [...document.querySelectorAll('main *')].filter(it => it.checkVisibility() &&
            it.nodeName !== 'OPTION' && [...it.childNodes].some(kid => kid.nodeType === 3 && kid.data.trim()));
        const worst = texts.map(it => {
            const [a, b] = [light(numbers(getComputedStyle(it).color)), light(ground(it))];
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), it.outerHTML.slice(0, 120)];
        }).sort((a, b) => a[0] - b[0])[0];
        return worst;
    })()";
    for (scheme, dark) in [("light", false), ("dark", true)] {
        browser.scheme(scheme);
        let ground =
            browser.is("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 60");
        assert_eq!(ground, dark, "{scheme}");
        let worst = browser.is(contrast);
        assert!(worst[0].as_f64().unwrap() >= 4.5, "{scheme}: {worst}");
    }
}

#[test]
fn without_scripts_the_page_is_the_same_and_comes_again_by_itself() {
    let room = Room::with(usual());
    room.browser.devtools(
        "Emulation.setScriptExecutionDisabled",
        &json!({"value": true}),
    );
    let browser = room.open();
    // It may come again at any moment.
    let page = || {
        std::iter::repeat_with(|| browser.html())
            .flatten()
            .find(|it| it.contains("</main>"))
    };
    let first = page().unwrap();
    assert!(
        first.contains("10.0.0.5:5672") && first.contains("<title>all up - director"),
        "{first}"
    );
    room.fake.kill(0, 0);
    while !page().unwrap().contains("<title>1 down - director") {}
}

#[test]
fn a_lost_connection_is_said_and_found_again() {
    let mut room = Room::with(usual());
    room.open();
    let at = room.server.at;
    room.browser.run("window.mark = 'no reload'");
    // The director ends, and another one starts in its place.
    let elsewhere = Server::start(&room.fake);
    drop(std::mem::replace(&mut room.server, elsewhere));
    let lost = "document.getElementById('lost')";
    let said = room
        .browser
        .until(&format!("!{lost}.hidden && {lost}.innerText"));
    let said = said.to_string();
    assert!(
        said.contains("connection to the director lost since "),
        "{said}"
    );
    room.fake.kill(0, 0);
    room.server = Server::at(at, &room.fake);
    room.browser.until(&format!("{lost}.hidden"));
    room.browser.until("document.title === '1 down - director'");
    assert_eq!(room.browser.is("window.mark"), "no reload");
}

#[test]
fn a_thousand_services_with_ten_servers_each_are_shown_and_followed() {
    let room = Room::with(many(1_000));
    let browser = room.open();
    let paint =
        browser.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
    let loaded = browser.until("performance.getEntriesByType('navigation')[0].loadEventEnd");
    let size = browser.is("performance.getEntriesByType('navigation')[0].decodedBodySize");
    println!(
        "1,000 services x 10 servers: first paint after {paint} ms, loaded after {loaded} ms, {size} bytes"
    );
    assert_eq!(
        browser.is("document.querySelectorAll('.service tbody tr').length"),
        10_000
    );
    room.fake.kill(777, 3);
    browser.until("document.title === '1 down - director'");
    let first = "document.querySelector('.service')";
    browser.until(&format!("{first}.dataset.n === '777' && {first}.open"));
    browser.run(
        "const it = document.querySelector('[name=q]'); it.value = '10.3.28.4:80';
         const from = performance.now();
         it.dispatchEvent(new Event('input', {bubbles: true}));
         window.took = performance.now() - from;",
    );
    println!("a filter over them takes {} ms", browser.is("window.took"));
    assert_eq!(seen(browser, ".service tbody tr"), 1);
    assert_eq!(browser.complaints(), NONE);
}

/// What the pictures show: one server down, one that drains.
fn pictured() -> Status {
    let mut status = usual();
    let servers = &mut status.services[0].servers;
    down(&mut servers[1], "connection refused");
    servers[1].since_seconds = Some(47);
    servers[1].checks[0].against = 1;
    servers[2].order = Some("drain".to_owned());
    servers[2].weight = Some(0);
    servers[2].drain = Some(DrainStatus {
        since_seconds: 95,
        connections: Some(12),
        closing: Some(0),
        packets_flow: true,
        still_seconds: None,
        templates: None,
        deadline_seconds: Some(3_505),
        ended: false,
    });
    status
}

#[test]
fn the_screenshots_in_the_docs_can_be_made() {
    let room = Room::with(pictured());
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/img");
    for (name, scheme, (width, height)) in [
        ("status-light.png", "light", (1100, 800)),
        ("status-dark.png", "dark", (1100, 800)),
        ("status-phone.png", "light", (360, 740)),
    ] {
        room.browser.size(width, height);
        room.browser.scheme(scheme);
        room.open();
        let picture = room.browser.picture();
        assert!(picture.len() > 10_000, "{name}: {} bytes", picture.len());
        if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
            fs::create_dir_all(&pictures).unwrap();
            fs::write(pictures.join(name), picture).unwrap();
        }
    }
}
