// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody is locked in: what goes to keepalived comes back.

use proptest::prelude::*;

use super::surroundings::Alone;
use super::{Kind, Output, import};
use crate::config;
use crate::config::properties::config;
use crate::diagnostic::Diagnostics;
use crate::export::to_keepalived;
use crate::model::Config;

fn fail(wrong: &Diagnostics) -> TestCaseError {
    TestCaseError::fail(wrong.to_string())
}

/// What a text for keepalived means here.
fn imported(text: &str) -> Result<Config, TestCaseError> {
    let imported = import(Some(Kind::Keepalived), "exported", text.as_bytes(), &Alone);
    let said = imported.diagnostics;
    // Of a configuration that keepalived can say nothing of, nothing comes back.
    if said.to_string().contains("nothing in this file becomes") {
        return config::parse("nothing", b"virtual_services: []").map_err(|wrong| fail(&wrong));
    }
    prop_assert!(!said.has_errors(), "{}\n{}", said, text);
    let Output::Director(document) = imported.output else {
        return Err(TestCaseError::fail("it is a file of another kind"));
    };
    let ours = document.to_string();
    config::parse("imported", ours.as_bytes())
        .map_err(|wrong| TestCaseError::fail(format!("{wrong}\n{ours}")))
}

proptest! {
    /// The first export leaves out what keepalived cannot say. From then on nothing changes.
    #[test]
    fn what_was_imported_comes_back_the_same(config in config()) {
        let first = imported(&to_keepalived(&config).text)?;
        let text = to_keepalived(&first).text;
        let second = imported(&text)?;
        prop_assert_eq!(&first, &second, "{}", text);
    }
}
