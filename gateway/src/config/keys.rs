//! Every key of the configuration with its default and what it does: what `--print-config` prints.
//!
//! **Invariant:** a key that is read is here, and none that is not.

/// Every key: its name, its default as TOML (empty where it must be given), and what it does.
pub const KEYS: &[(&str, &str, &str)] = &[
    (
        "gateway",
        "",
        "Who this gateway is: the name in its topics, 1 to 64 letters, digits, '.', '_' or '-'. Must be given.",
    ),
    (
        "outbox",
        "\"/var/lib/vagen-gateway/outbox.db\"",
        "The database that holds every reading until the server's receipt.",
    ),
    (
        "broker",
        "",
        "Where readings go: \"mqtt://host:port\", or \"mqtts://host:port\" with certificates. Must be given.",
    ),
    (
        "ca",
        "",
        "PEM file with the authority that vouches for the broker. Needed by mqtts, refused with mqtt.",
    ),
    ("certificate", "", "PEM file with this gateway's certificate, for mqtts. Goes with \"key\"."),
    ("key", "", "PEM file with its private key."),
    (
        "server",
        "",
        "Who renews the certificate in good time: \"https://host\". Certificate and key are then one file. Written by enrol.",
    ),
    ("server_ca", "", "PEM file with the authority that vouches for it. Left out: the system's."),
    (
        "devices",
        "",
        "The only devices to listen to, by address: [\"54:6C:0E:00:00:01\"]. Left out: any that is supported.",
    ),
    (
        "consents",
        "",
        "Codes of scales that say nothing without: { \"54:6C:0E:00:00:01\" = { user = 1, code = 1234 } }.",
    ),
    (
        "history_days",
        "90",
        "How long a receipted reading is kept, so that a restored server can ask for it again.",
    ),
    (
        "outbox_rows_max",
        "100000",
        "The most readings on disk. With that many unreceipted, devices keep new ones and the log says so.",
    ),
    (
        "outbox_mib_max",
        "256",
        "The most the database may take, MiB; 8 more beside it. History makes way first, then as above.",
    ),
    (
        "signal_lamp",
        "",
        "A lamp that says what became of a weighing: \"/dev/gpiochip0:17\"; \"!/dev/...\" where low is lit.",
    ),
    ("signal_buzzer", "", "A buzzer that says it too, in the same form. Silent in the quiet hours."),
    (
        "signal_player",
        "",
        "A program that plays a sound instead: [\"aplay\", \"-q\"]. The file comes as its last argument.",
    ),
    (
        "signal_sounds",
        "\"/usr/share/vagen-gateway/sounds\"",
        "The folder with received.wav, delivered.wav and wrong.wav for it.",
    ),
    (
        "signal_quiet",
        "\"21:30-07:00\"",
        "When nothing blinks or sounds by itself, by the box's time zone. \"00:00-00:00\" for never.",
    ),
    (
        "signal_wrong_after_h",
        "12",
        "How long a reading may wait for its receipt before the signal says that something is wrong, h.",
    ),
    (
        "log_level",
        "\"info\"",
        "error, warn, info, debug or trace. Values of readings appear at debug and below only.",
    ),
    (
        "assume_clock_synced",
        "false",
        "Take the system's clock for right where the system cannot say whether it is.",
    ),
];

/// Every key with its default and a line on what it does, as a file that can be edited.
#[must_use]
pub fn print() -> String {
    KEYS.iter()
        .map(|(key, default, what)| match *default {
            "" => format!("# {what}\n# {key} =\n\n"),
            default => format!("# {what}\n{key} = {default}\n\n"),
        })
        .collect()
}
