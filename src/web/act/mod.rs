// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders by forms: servers with boxes to tick, a page that asks once more, and what came of it. All of it works without
//! scripts. `toolbar.html` and the boxes (`name="server"`, `value="SERVICE SERVER"`) can stand in any form to `act`.

use askama::Template;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};

use super::access::{Visitor, is_from_elsewhere};
use super::body::{Fields, field, form};
use super::orders;
use super::site::{Refused, Site};
use crate::control::{Carried, ServiceStatus};
use crate::model::{DrainTerms, Order, OrderFor, ServerKey, ServiceKey};

#[derive(Template)]
#[template(path = "servers.html")]
struct ServersPage<'a> {
    prefix: &'a str,
    path: &'a str,
    token: Option<String>,
    services: &'a [ServiceStatus],
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    prefix: &'a str,
    token: &'a str,
    title: &'a str,
    meaning: &'a str,
    order: &'a str,
    weight: &'a str,
    problem: Option<&'a str>,
    servers: &'a [(ServiceKey, ServerKey)],
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    prefix: &'a str,
    path: &'a str,
    title: &'a str,
    said: String,
    not_written: Option<&'a str>,
}

/// The page with the boxes, and where its form goes.
pub(super) fn routes(prefix: &str) -> Router<Site> {
    Router::new()
        .route(&format!("{prefix}/servers"), get(servers))
        .route(&format!("{prefix}/act"), post(act))
}

async fn servers(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Html<String>, Refused> {
    orders::by(&site, &visitor)?;
    let look = site.look()?;
    let listener = site.listener();
    let page = ServersPage {
        prefix: listener.path.prefix(),
        path: listener.path.as_str(),
        token: visitor.form_token(),
        services: &look.status.services,
    };
    page.render().map(Html).map_err(Refused::Unmade)
}

/// What a form asks for.
struct Wish {
    token: String,
    fields: Fields,
    servers: Vec<(ServiceKey, ServerKey)>,
    order: Option<Order>,
}

impl Wish {
    /// Reads a form of this visitor. A form that another session, or nobody, was given is refused before it is read.
    fn read(visitor: &Visitor, fields: Fields) -> Result<Self, Refused> {
        let token = visitor.form_token().ok_or(Refused::NoSession)?;
        if field(&fields, "token") != token {
            return Err(Refused::Elsewhere);
        }
        let boxes = fields.iter().filter(|(name, _)| name == "server");
        let servers = boxes.map(|(_, value)| orders::whose(value));
        let mut servers = servers.collect::<Result<Vec<_>, _>>()?;
        servers.sort_unstable();
        servers.dedup();
        let weight = field(&fields, "weight").trim().parse().ok();
        let order = orders::order(field(&fields, "order"), weight)?;
        if servers.is_empty() {
            return Err(Refused::Wrong(
                "choose a server, or several: go back and tick their boxes".to_owned(),
            ));
        }
        Ok(Self {
            token,
            fields,
            servers,
            order,
        })
    }

    fn is_set(&self, name: &str) -> bool {
        !field(&self.fields, name).is_empty()
    }

    fn wanted(&self) -> OrderFor {
        OrderFor {
            servers: self.servers.clone(),
            order: self.order,
            terms: DrainTerms::default(),
            force: self.is_set("force"),
        }
    }

    /// `Drain 2 servers`
    fn title(&self) -> String {
        let count = self.servers.len();
        let plural = if count == 1 { "" } else { "s" };
        match self.order {
            Some(Order::Drain) => format!("Drain {count} server{plural}"),
            Some(Order::Disable) => format!("Disable {count} server{plural}"),
            Some(Order::Weight(weight)) => {
                format!("Set weight {weight} for {count} server{plural}")
            }
            None => format!("Enable {count} server{plural}"),
        }
    }

    const fn meaning(&self) -> &'static str {
        match self.order {
            Some(Order::Drain) => {
                "They get no new connections, and leave the table when their present ones have ended. It lasts until they \
                 are enabled."
            }
            Some(Order::Disable) => {
                "They leave the kernel's table at once, and their connections break. It lasts until they are enabled."
            }
            Some(Order::Weight(_)) => {
                "They have this weight in place of the configured one while they are up. It lasts until they are enabled."
            }
            None => {
                "What was ordered for them is taken back: they are again as the configuration and their checks say."
            }
        }
    }

    fn confirm(&self, site: &Site, problem: Option<&str>) -> Result<Html<String>, Refused> {
        let page = ConfirmPage {
            prefix: site.listener().path.prefix(),
            token: &self.token,
            title: &self.title(),
            meaning: self.meaning(),
            order: field(&self.fields, "order"),
            weight: field(&self.fields, "weight"),
            problem,
            servers: &self.servers,
        };
        page.render().map(Html).map_err(Refused::Unmade)
    }

    fn done(&self, site: &Site, carried: &Carried) -> Result<Html<String>, Refused> {
        let path = &site.listener().path;
        let page = DonePage {
            prefix: path.prefix(),
            path: path.as_str(),
            title: &self.title(),
            said: format!(
                "Done: {} of {} changed.",
                carried.servers,
                self.servers.len()
            ),
            not_written: carried.not_written.as_deref(),
        };
        page.render().map(Html).map_err(Refused::Unmade)
    }
}

async fn act(
    State(site): State<Site>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Result<Response, Refused> {
    orders::by(&site, &visitor)?;
    if is_from_elsewhere(request.headers()) {
        return Err(Refused::Elsewhere);
    }
    let wish = Wish::read(&visitor, form(request).await?)?;
    if !wish.is_set("confirmed") {
        return Ok(wish.confirm(&site, None)?.into_response());
    }
    match orders::carry_out(&site, &visitor, wish.wanted()).await {
        Ok(carried) => Ok(wish.done(&site, &carried)?.into_response()),
        // The way on is a button, unless it was that one.
        Err(Refused::Order(why)) if !wish.is_set("force") => {
            let page = wish.confirm(&site, Some(&why))?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(refused) => Err(refused),
    }
}
