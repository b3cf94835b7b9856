//! The words of the guide, in Swedish and in English. A `{}` stands for what the guide puts there.
//!
//! **Invariant:** both languages say the same things with the same gaps.

/// The guide's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Swedish.
    Sv,
    /// English.
    En,
}

impl Language {
    /// By the variables that say which language a terminal speaks: English where they say so, else Swedish.
    pub(crate) fn of_environment(mut variable: impl FnMut(&str) -> Option<String>) -> Self {
        let said = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(&mut variable);
        match said.into_iter().find(|value| !value.is_empty()) {
            Some(value) if value.to_lowercase().starts_with("en") => Self::En,
            Some(_) | None => Self::Sv,
        }
    }

    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::Sv => &SWEDISH,
            Self::En => &ENGLISH,
        }
    }
}

/// Everything the guide says.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) listening: &'static str,
    pub(crate) daemon_runs: &'static str,
    pub(crate) not_kept: &'static str,
    pub(crate) which: &'static str,
    pub(crate) pairing_mode: &'static str,
    pub(crate) connecting: &'static str,
    pub(crate) pairing: &'static str,
    pub(crate) passkey: &'static str,
    pub(crate) not_six_digits: &'static str,
    pub(crate) connected: &'static str,
    pub(crate) bonded: &'static str,
    pub(crate) trouble: &'static str,
    pub(crate) measure: &'static str,
    pub(crate) measured: &'static str,
    pub(crate) kept: &'static str,
    pub(crate) needs_none: &'static str,
    pub(crate) register: &'static str,
    pub(crate) none_heard: &'static str,
    pub(crate) several: &'static str,
    pub(crate) not_supported: &'static str,
    pub(crate) not_paired: &'static str,
}

const SWEDISH: Words = Words {
    listening: "Lyssnar efter mätare. Slå på mätaren, eller gör en mätning så att den vaknar.",
    daemon_runs: "Gatewayens tjänst kör och tar själv hand om mätvärden som kommer nu.",
    not_kept: "Obs: utan --config sparas inga mätvärden som kommer nu. En mätare kan radera det den har skickat.",
    which: "Vilken mätare? Skriv dess nummer och tryck Enter: ",
    pairing_mode: "Ställ {} i parkopplingsläge (se mätarens bruksanvisning) och tryck Enter. ",
    connecting: "Ansluter till {} ...",
    pairing: "Parkopplar med {} ...",
    passkey: "{} visar en kod. Skriv dess sex siffror och tryck Enter: ",
    not_six_digits: "Koden har sex siffror.",
    connected: "{} är ansluten.",
    bonded: "{} är parkopplad.",
    trouble: "Gick inte än: {}. Försöker igen.",
    measure: "Gör gärna en mätning nu. Guiden avslutas när mätaren kopplar ner eller efter {} s.",
    measured: "Mätvärde: {}",
    kept: "Mätvärdet är sparat och skickas när gatewayens tjänst kör.",
    needs_none: "{} sänder sina värden öppet och behöver ingen parkoppling.",
    register: "Registrera mätaren i Vågen med detta id: {}",
    none_heard: "ingen mätare hördes på {} s",
    several: "flera mätare hördes; välj en med --address",
    not_supported: "{} är ingen mätare som stöds",
    not_paired: "parkopplingen lyckades inte på {} s: {}",
};

const ENGLISH: Words = Words {
    listening: "Listening for devices. Switch the device on, or take a measurement so that it wakes up.",
    daemon_runs: "The gateway's service runs and takes care of readings that come now.",
    not_kept: "Note: without --config, readings that come now are not kept. A device may delete what it has sent.",
    which: "Which device? Type its number and press Enter: ",
    pairing_mode: "Put {} in pairing mode (see its manual) and press Enter. ",
    connecting: "Connecting to {} ...",
    pairing: "Pairing with {} ...",
    passkey: "{} shows a code. Type its six digits and press Enter: ",
    not_six_digits: "The code has six digits.",
    connected: "{} is connected.",
    bonded: "{} is paired.",
    trouble: "Not yet: {}. Trying again.",
    measure: "You may take a measurement now. The guide ends when the device hangs up, or after {} s.",
    measured: "Reading: {}",
    kept: "The reading is kept, and sent when the gateway's service runs.",
    needs_none: "{} sends its values openly and needs no pairing.",
    register: "Register the device in Vågen by this id: {}",
    none_heard: "no device was heard in {} s",
    several: "several devices were heard; choose one with --address",
    not_supported: "{} is no supported device",
    not_paired: "pairing did not succeed in {} s: {}",
};

/// Puts `values` where the gaps are.
pub(crate) fn filled(text: &str, values: &[&str]) -> String {
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables as a shell sets them (POSIX: LC_ALL before LC_MESSAGES before LANG; an empty one says nothing).
    #[test]
    fn the_terminal_says_which_language() {
        let rows: [(&[(&str, &str)], Language); 6] = [
            (&[], Language::Sv),
            (&[("LANG", "sv_SE.UTF-8")], Language::Sv),
            (&[("LANG", "en_GB.UTF-8")], Language::En),
            (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "sv_SE.UTF-8")], Language::Sv),
            (&[("LANG", "sv_SE.UTF-8"), ("LC_MESSAGES", "en_US")], Language::En),
            (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "")], Language::En),
        ];
        for (variables, expected) in rows {
            let variable = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Language::of_environment(variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn both_languages_have_the_same_gaps() {
        let gaps = |words: &Words| {
            format!("{words:#?}").lines().map(|line| line.matches("{}").count()).collect::<Vec<_>>()
        };
        assert_eq!(gaps(&SWEDISH), gaps(&ENGLISH));
        assert_eq!(filled("{} in {} s", &["none", "5"]), "none in 5 s");
    }
}
