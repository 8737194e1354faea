// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pair as it is shown.

use super::said::word_of;
use crate::engine::machine::Engine;
use crate::engine::snapshot::PairView;

impl Engine {
    /// The pair as it is shown.
    pub(in crate::engine) fn pair_view(&self) -> Option<PairView> {
        self.config.peer.as_ref()?;
        let belief = &self.pair.belief;
        let mut view = PairView {
            since: belief.linked(),
            role: belief.role(),
            last_words: belief.keeps(),
            kept_back: self.pair.kept_back.len(),
            kept_out: self.pair.kept_out.len(),
            only_there: belief.strangers().copied().collect(),
            ..PairView::default()
        };
        if belief.linked().is_some() {
            self.add_differences(&mut view);
        }
        Some(view)
    }

    /// The first services that are not configured the same there, and the first servers that the checks of the two directors
    /// find differently.
    fn add_differences(&self, view: &mut PairView) {
        let belief = &self.pair.belief;
        for (key, service) in &self.config.services {
            match belief.service(key) {
                None => view.only_here.push(*key),
                Some(theirs) => {
                    let digests = self.pair.digests.get(key);
                    if digests.is_some_and(|it| it.service != theirs) {
                        view.differ.push(*key);
                    }
                }
            }
            for server in service.servers.keys() {
                let health = self.health.server(key, server);
                let own = health.and_then(|it| word_of(&it));
                let theirs = belief.said(key, server).and_then(|it| it.own);
                if let (Some(own), Some(theirs)) = (own, theirs)
                    && own.word() != theirs.word()
                    && view.verdicts.len() < PairView::MOST
                {
                    view.verdicts.push((*key, *server, own, theirs));
                }
            }
        }
        view.only_here.truncate(PairView::MOST);
        view.differ.truncate(PairView::MOST);
    }
}
