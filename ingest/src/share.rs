//! Which gateways this process hears, where several share the work: gateways fall into shards by a hash of their id, and each
//! shard is heard by one member.
//!
//! Who should hear what follows from the names of the members alone, so all of them come to the same answer; when one joins or
//! leaves, only its own part moves. Whoever holds shard 0 also keeps what one process must do for all: it judges the passing of time
//! and listens for gateways that no register knows.
//!
//! **Invariant:** pure. What is decided here takes effect when the store holds it.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vitals::GatewayId;

use crate::queue::{FILTERS, Topic};

/// How many shards there are. Fixed: the store names them.
pub const SHARDS: i64 = 64;

/// What one process hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Everything: it is alone.
    Whole,
    /// Some shards.
    Part(Part),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    member: Arc<str>,
    shards: BTreeSet<i64>,
    known: Arc<BTreeSet<GatewayId>>,
}

impl Share {
    /// Everything, for a process that is alone with its store.
    #[must_use]
    pub const fn whole() -> Self {
        Self(Kind::Whole)
    }

    /// The `shards` of `member`, of the gateways that are `known`.
    pub(crate) fn of(member: Arc<str>, shards: BTreeSet<i64>, known: Arc<BTreeSet<GatewayId>>) -> Self {
        Self(Kind::Part(Part { member, shards, known }))
    }

    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self::of("".into(), BTreeSet::new(), Arc::default())
    }

    /// The member's name; `None` for a process that is alone.
    pub(crate) fn member(&self) -> Option<&str> {
        match &self.0 {
            Kind::Whole => None,
            Kind::Part(part) => Some(&part.member),
        }
    }

    /// Whether it is known by now what this process hears.
    pub(crate) fn has_joined(&self) -> bool {
        self.member() != Some("")
    }

    /// Whether this process does what one must do for all.
    #[must_use]
    pub fn is_keeper(&self) -> bool {
        match &self.0 {
            Kind::Whole => true,
            Kind::Part(part) => part.shards.contains(&0),
        }
    }

    /// How many shards it hears.
    pub(crate) fn size(&self) -> usize {
        match &self.0 {
            Kind::Whole => usize::try_from(SHARDS).unwrap_or_default(),
            Kind::Part(part) => part.shards.len(),
        }
    }

    /// The filters to subscribe with. The keeper hears every topic, for the sake of gateways that nobody knows.
    pub(crate) fn filters(&self) -> BTreeSet<String> {
        match &self.0 {
            Kind::Part(part) if !part.shards.contains(&0) => part
                .known
                .iter()
                .filter(|gateway| part.shards.contains(&shard_of(gateway)))
                .flat_map(|gateway| {
                    [format!("vagen/v1/{gateway}/up"), format!("vagen/v1/{gateway}/heartbeat")]
                })
                .collect(),
            Kind::Whole | Kind::Part(_) => FILTERS.iter().map(|filter| (*filter).to_owned()).collect(),
        }
    }

    /// Whether a message on `topic` is for this process. Another process hears it otherwise.
    pub(crate) fn hears(&self, topic: &str) -> bool {
        let Kind::Part(part) = &self.0 else { return true };
        match Topic::of(topic) {
            Topic::Up(Some(gateway)) | Topic::Heartbeat(Some(gateway)) => {
                let shard = if part.known.contains(&gateway) { shard_of(&gateway) } else { 0 };
                part.shards.contains(&shard)
            }
            Topic::Up(None) | Topic::Heartbeat(None) | Topic::Other => part.shards.contains(&0),
        }
    }
}

/// The shard of `gateway`.
pub(crate) fn shard_of(gateway: &GatewayId) -> i64 {
    i64::try_from(weight(gateway.as_str(), "") % u64::try_from(SHARDS).unwrap_or(1)).unwrap_or_default()
}

/// Who of `members` should hear `shard`: the one with the largest weight for it.
pub(crate) fn owner<'m>(shard: i64, members: impl IntoIterator<Item = &'m str>) -> Option<&'m str> {
    let shard = shard.to_string();
    members.into_iter().max_by_key(|member| (weight(&shard, member), *member))
}

fn weight(what: &str, whose: &str) -> u64 {
    let hash = Sha256::new().chain_update(what).chain_update([0]).chain_update(whose).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(number: u32) -> GatewayId {
        format!("gw-{number:04}").parse().expect("an id")
    }

    /// What must hold of any such division: each gateway is heard by one, strangers by one, and little moves.
    #[test]
    fn each_gateway_is_heard_by_exactly_one_of_any_number_of_members() {
        let known: Arc<BTreeSet<GatewayId>> = Arc::new((0..500).map(gateway).collect());
        let names: Vec<String> = (0..5).map(|number| format!("member-{number}")).collect();
        let divided = |count: usize| -> Vec<Share> {
            let members = || names[..count].iter().map(String::as_str);
            let shards_of =
                |name: &str| (0..SHARDS).filter(|shard| owner(*shard, members()) == Some(name)).collect();
            members().map(|name| Share::of(name.into(), shards_of(name), Arc::clone(&known))).collect()
        };
        for count in 1..=5 {
            let shares = divided(count);
            assert_eq!(shares.iter().filter(|share| share.is_keeper()).count(), 1, "{count} members");
            for topic in known.iter().map(|gateway| format!("vagen/v1/{gateway}/up")).chain([
                "vagen/v1/stranger/up".to_owned(),
                "vagen/v1/n o/up".to_owned(),
                "vagen/v1/gw-0001/heartbeat".to_owned(),
            ]) {
                assert_eq!(
                    shares.iter().filter(|share| share.hears(&topic)).count(),
                    1,
                    "{topic} among {count}"
                );
            }
            // By chance alone each has 64/n; none is left without a tenth of the mean.
            assert!(shares.iter().all(|share| share.size() * count * 10 >= 64), "{count} members");
        }
        let moved = (0..SHARDS)
            .filter(|shard| {
                let of = |count: usize| owner(*shard, names[..count].iter().map(String::as_str));
                of(4) != of(3) && of(4) != Some("member-3")
            })
            .count();
        assert_eq!(moved, 0, "what moves when one joins goes to that one");
    }

    #[test]
    fn a_member_subscribes_to_its_own_gateways_and_the_keeper_to_all() {
        let known: Arc<BTreeSet<GatewayId>> = Arc::new((0..100).map(gateway).collect());
        let some = Share::of("a".into(), (1..32).collect(), Arc::clone(&known));
        let filters = some.filters();
        assert!(!filters.is_empty());
        for gateway in known.iter() {
            let topic = format!("vagen/v1/{gateway}/up");
            assert_eq!(filters.contains(&topic), some.hears(&topic), "{topic}");
        }
        let keeper = Share::of("b".into(), [0, 40].into(), known);
        assert_eq!(keeper.filters(), FILTERS.map(str::to_owned).into());
        assert_eq!(Share::whole().filters(), FILTERS.map(str::to_owned).into());
        assert!(Share::nothing().filters().is_empty());
    }
}
