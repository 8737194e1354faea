// SPDX-License-Identifier: MIT OR Apache-2.0
//! A table that somebody made with ipvsadm, as a configuration of ours.

use std::fs;
use std::process::Command;

use lvs_director::plan::Target as _;

use super::process::{Files, PROGRAM, Said, said};
use crate::Test;
use crate::beside::LVSADM;
use crate::stage::Stage;

/// As ipvsadm takes it.
const TABLE: &str = "\
-A -t 192.168.0.10:80 -s wlc -p 360 -M 255.255.255.0
-a -t 192.168.0.10:80 -r 192.168.0.2:80 -g -w 10
-a -t 192.168.0.10:80 -r 192.168.0.3:80 -g -w 0
-A -t 192.168.0.10:443 -s sh -b sh-fallback,sh-port
-a -t 192.168.0.10:443 -r 192.168.0.2:443 -g -w 1
-A -u 192.168.0.10:53 -s rr -o
-a -u 192.168.0.10:53 -r 192.168.0.2:5353 -m -w 2 -x 100 -y 50
-A -t [fd00:a::10]:80 -s wrr
-a -t [fd00:a::10]:80 -r [fd00:a::2]:80 -i -w 1
-A -f 7 -s lc -p 600
-a -f 7 -r 192.168.0.2:0 -g -w 1
-A -t 192.168.0.10:8080 -s wrr
";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_table_made_with_ipvsadm_is_imported_and_taken_over_without_a_step",
        taken_over,
    )]
}

fn taken_over() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let ipvsadm = |script: &str| said(&stage.director, Command::new("sh").args(["-c", script]));
    let made = ipvsadm(&format!("ipvsadm -R <<'end'\n{TABLE}end"));
    assert_eq!(made.code, Some(0), "{made:?}");
    // ipvsadm itself saves no thresholds.
    let saved = said(&stage.director, Command::new(LVSADM).arg("-Sn"));
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let file = files.path("saved");
    fs::write(&file, &saved.out).unwrap();
    let import = |arguments: &[&str]| -> Said {
        let mut program = Command::new(PROGRAM);
        said(&stage.director, program.arg("import").args(arguments))
    };
    let of_kernel = import(&["--from", "kernel"]);
    assert_eq!((of_kernel.code, of_kernel.err.as_str()), (Some(0), ""));
    let of_file = import(&[file.to_str().unwrap()]);
    assert_eq!(of_file.code, Some(0), "{of_file:?}");

    let before = stage.ipvs.read().unwrap();
    assert_eq!(before.services.len(), 6);
    for imported in [of_kernel, of_file] {
        files.write(&imported.out);
        let plan = files.once(&stage.director, "plan", &["--detailed-exitcode"]);
        assert_eq!((plan.code, plan.out.as_str()), (Some(0), ""), "{plan:?}");
        let applied = files.once(&stage.director, "apply", &[]);
        assert!(applied.out.contains("applied 0 steps"), "{applied:?}");
        assert_eq!(stage.ipvs.read().unwrap(), before);
    }
}
