//! What is handed out beside the program is true of the program: example configurations use keys that exist, the example
//! register applies, the units name commands that there are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use toml::Table;

fn packaging(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(packaging(path)).expect(path)
}

fn vagen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vagen")).args(arguments).output().expect("vagen runs")
}

#[test]
fn the_server_knows_every_key_of_its_example() {
    let printed = vagen(&["serve", "--print-config"]);
    let known: Table = String::from_utf8_lossy(&printed.stdout).parse().expect("a configuration");
    let example: Table = text("config/serve.toml").parse().expect("a configuration");
    assert!(!example.is_empty());
    for (key, value) in example {
        let default = known.get(&key).unwrap_or_else(|| panic!("no key {key}"));
        assert_eq!(value.type_str(), default.type_str(), "{key}");
    }
}

#[test]
fn the_gateway_takes_its_example() {
    let file = packaging("config/gateway.toml");
    let config =
        gateway::config::read(Some(&file), gateway::config::Overrides::default()).expect("a configuration");
    assert_eq!(config.gateway.as_str(), "gw-0001");
    assert!(config.broker.tls.is_some_and(|tls| tls.client.is_some()));
}

#[test]
fn the_example_register_applies_once_and_then_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let register = folder.path().join("register.toml");
    std::fs::write(&register, text("config/register.toml")).expect("writes");
    for name in ["admin", "anna", "maria"] {
        std::fs::write(folder.path().join(format!("{name}.password")), "a first password\n").expect("writes");
    }
    let data = folder.path().join("data");
    let apply = || {
        let output =
            vagen(&["admin", "apply", &register.to_string_lossy(), "--data", &data.to_string_lossy()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert!(!apply().is_empty());
    assert!(apply().is_empty(), "a second time there is nothing to change");
}

/// The broker's units watch files that are written, by the names under which they are written.
#[test]
fn the_broker_is_told_of_what_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("broker");
    let arguments = ["broker", "config", "--name", "broker.example", "--data"].map(str::to_owned);
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let arguments: Vec<String> =
        arguments.into_iter().chain([data, "--out".to_owned(), out.to_string_lossy().into_owned()]).collect();
    let written = vagen(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let serve: Table = text("config/serve.toml").parse().expect("a configuration");
    let files = serve["gateways"]["files"].as_str().expect("a folder").to_owned();
    let unit = text("systemd/vagen-broker.path");
    let watched: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("PathChanged=")).collect();
    assert_eq!(watched.len(), 2);
    for path in watched {
        let name =
            path.strip_prefix(&format!("{files}/")).unwrap_or_else(|| panic!("{path} is not in {files}"));
        assert!(out.join(name).is_file(), "{name}");
    }
    assert!(text("systemd/vagen.service").contains(&format!("ReadWritePaths=-{files}\n")));
    let gateway: Table = text("config/gateway.toml").parse().expect("a configuration");
    let kept = Path::new(gateway["key"].as_str().expect("a file")).parent().expect("a folder");
    assert!(text("systemd/vagen-gateway.service").contains(&format!("ReadWritePaths=-{}\n", kept.display())));
}

#[test]
fn units_start_what_there_is_and_restart_it() {
    for (unit, starts) in [
        ("systemd/vagen.service", "/usr/bin/vagen serve --config /etc/vagen/serve.toml"),
        ("systemd/vagen-gateway.service", "/usr/bin/vagen-gateway run --config /etc/vagen/gateway.toml"),
    ] {
        let unit = text(unit);
        assert!(unit.contains(&format!("ExecStart={starts}\n")));
        // Status 2 is a wrong configuration: starting again would not mend it.
        for line in
            ["Restart=always", "RestartPreventExitStatus=2", "NoNewPrivileges=true", "ProtectSystem=strict"]
        {
            assert!(unit.lines().any(|one| one == line), "{line}");
        }
    }
}
