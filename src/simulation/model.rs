//! What a stack file of a world says, and what the cloud must hold once it is applied.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
};

use super::chance::Chance;

/// One resource of the file, or several with `for_each`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its place in [`Model::items`]; its name is made of it.
    pub(super) number: usize,
    pub(super) kind: ItemKind,
    pub(super) present: bool,
    /// The keys of `for_each`; none without it.
    pub(super) keys: Vec<&'static str>,
    /// What its name says, where that is written: its number at first.
    pub(super) label: usize,
    /// Grows with each change of what cannot be changed in place.
    pub(super) immutable: u64,
    /// Grows with each change of what can be.
    pub(super) mutable: u64,
    pub(super) note: Option<u64>,
    pub(super) create_first: Option<bool>,
    /// Whether what is done to [`Item::ignorable`] is nobody's business.
    pub(super) ignored: bool,
    /// The item it is within.
    parent: Option<usize>,
    /// Others it refers to in passing.
    friends: Vec<usize>,
    /// How often it was renamed.
    renamed: usize,
    /// Since which of its names the file tells that it is the same.
    told: usize,
    /// Whether it got its first key later, and kept what was there under it.
    got_key: bool,
    /// An earlier one that it is to wait for.
    after: Option<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ItemKind {
    Network,
    Subnet,
    Group,
    Attachment,
    Gateway,
    /// Whether its name is written.
    Name(bool),
    Entry,
}

/// A value in the file, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Bool(bool),
    Int(i64),
    /// An output of another resource: its address and the output's name.
    Output {
        of: String,
        expression: String,
        output: &'static str,
    },
    /// Rules of a group: ports, and what they let in.
    Rules(Vec<(i64, Self)>),
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) items: Vec<Item>,
}

/// What a person changes between two runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Edit {
    Mutable(usize),
    /// Takes such a change back, and the one before.
    Back(usize),
    Immutable(usize),
    /// Writes the optional property, or removes it.
    Note(usize),
    /// Adds the item, or removes it with all that needs it.
    Presence(usize),
    Keys(usize),
    CreateFirst(usize),
    /// Ignores a property from now on, or no longer.
    Ignore(usize),
    Rename(usize),
    /// The same, and tells nobody: it is made anew.
    Untold(usize),
    /// Hands round the written names that nobody uses.
    HandRound,
    /// Gives it a key, under which it stays what it was.
    Key(usize),
    /// Makes it something else under the same name.
    Retype(usize),
    /// Somebody changes it behind the engine's back.
    Drift(usize),
    /// Somebody deletes it behind the engine's back.
    Loss(usize),
}

impl Item {
    pub(super) fn name(&self) -> String {
        self.name_after(self.renamed)
    }

    fn name_after(&self, renames: usize) -> String {
        match renames {
            0 => format!("r{}", self.number),
            n => format!("r{}_{n}", self.number),
        }
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            ItemKind::Network => "sim.network",
            ItemKind::Subnet => "sim.subnet",
            ItemKind::Group => "sim.group",
            ItemKind::Attachment => "sim.attachment",
            ItemKind::Gateway => "sim.gateway",
            ItemKind::Name(_) => "sim.name",
            ItemKind::Entry => "sim.entry",
        }
    }

    /// The addresses of its instances, with their keys.
    pub(super) fn instances(&self) -> Vec<(String, Option<&'static str>)> {
        match self.keys.as_slice() {
            [] => vec![(self.name(), None)],
            keys => keys.iter().map(|key| (format!("{}/{key}", self.name()), Some(*key))).collect(),
        }
    }

    /// What its file can ignore: a property, or a tag.
    pub(super) fn ignorable(&self) -> &'static str {
        match self.kind {
            ItemKind::Network => "dns",
            ItemKind::Subnet => "public",
            ItemKind::Gateway => "size",
            ItemKind::Entry => "value",
            ItemKind::Group | ItemKind::Attachment | ItemKind::Name(_) => "tags.Owner",
        }
    }

    /// The tag that its file gives it.
    pub(super) fn owner(&self) -> Option<String> {
        (self.ignorable() == "tags.Owner" && !self.number.is_multiple_of(2)).then(|| format!("team-{}", self.mutable))
    }

    /// A reference to an output of the first of its instances, which no edit removes.
    fn output(&self, output: &'static str) -> Piece {
        let name = self.name();
        match self.keys.first() {
            None => Piece::Output { expression: format!("{name}.{output}"), of: name, output },
            Some(key) => Piece::Output { expression: format!("{name}[\"{key}\"].{output}"), of: format!("{name}/{key}"), output },
        }
    }
}

impl Model {
    /// The items of a world; those that are not wanted leave the luck of the others as it is.
    pub(super) fn new(seed: u64, count: usize, wanted: &BTreeSet<usize>) -> Self {
        let mut items: Vec<Item> = vec![];
        for number in (0..count).filter(|it| wanted.contains(it)) {
            let mut chance = Chance::new(&(seed, "item", number));
            let kind = match chance.below(16) {
                _ if number == 0 => ItemKind::Network,
                0 => ItemKind::Network,
                1..=3 => ItemKind::Subnet,
                4..=7 => ItemKind::Group,
                8 => ItemKind::Attachment,
                9..=10 => ItemKind::Gateway,
                11 => ItemKind::Name(true),
                12 | 13 => ItemKind::Name(false),
                _ => ItemKind::Entry,
            };
            let several = chance.one_in(4) && !matches!(kind, ItemKind::Network | ItemKind::Attachment);
            let all = ["a", "b.1", "C_c"];
            let n = usize::try_from(chance.below(3) + 1).expect("small");
            let keys = if several { all[..n].to_vec() } else { vec![] };
            let parent = match kind {
                ItemKind::Network | ItemKind::Name(_) => None,
                ItemKind::Gateway => pick(&items, &mut chance, |it| it.kind == ItemKind::Subnet),
                _ => pick(&items, &mut chance, |it| it.kind == ItemKind::Network),
            };
            // Without what it needs there is something else in its place.
            let kind = if parent.is_none() && !matches!(kind, ItemKind::Network) && !matches!(kind, ItemKind::Name(_)) {
                ItemKind::Name(false)
            } else {
                kind
            };
            let friends = (0..chance.below(3)).map(|_| usize::try_from(chance.below(count as u64)).expect("small")).collect();
            items.push(Item {
                number,
                kind,
                present: !chance.one_in(6),
                keys,
                label: number,
                immutable: 0,
                mutable: chance.below(2),
                note: chance.one_in(2).then_some(1),
                create_first: match chance.below(8) {
                    0 if kind != ItemKind::Name(true) => Some(true),
                    // Whoever holds on to one of these would never let it go first.
                    1 if !matches!(kind, ItemKind::Group | ItemKind::Network) => Some(false),
                    _ => None,
                },
                parent,
                friends,
                ignored: chance.one_in(6),
                renamed: 0,
                told: 0,
                got_key: false,
                // Only of what nothing else waits for, so that it closes no circle. One that is made first would hold on to what has
                // to go first because its name is written: that is refused.
                after: if matches!(kind, ItemKind::Name(_) | ItemKind::Entry) && chance.one_in(2) {
                    pick(&items, &mut chance, |it| it.kind != ItemKind::Name(true))
                } else {
                    None
                },
            });
        }
        let mut model = Self { items };
        model.settle();
        model
    }

    fn item(&self, number: usize) -> Option<&Item> {
        self.items.iter().find(|it| it.number == number)
    }

    fn there(&self, number: usize) -> Option<&Item> {
        self.item(number).filter(|it| it.present)
    }

    /// Takes out what cannot be without something that is not there.
    fn settle(&mut self) {
        loop {
            let lost = self.items.iter().position(|it| it.present && !self.can_be(it));
            match lost {
                Some(n) => self.items[n].present = false,
                None => return,
            }
        }
    }

    fn can_be(&self, item: &Item) -> bool {
        let Some(parent) = item.parent else { return true };
        let Some(parent) = self.there(parent) else { return false };
        // A gateway needs an attachment in the network of its subnet.
        item.kind != ItemKind::Gateway
            || self.items.iter().any(|it| it.present && it.kind == ItemKind::Attachment && it.parent == parent.parent)
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        let number = match edit {
            Edit::Drift(_) | Edit::Loss(_) => return,
            Edit::HandRound => return self.hand_round(),
            Edit::Mutable(it)
            | Edit::Back(it)
            | Edit::Immutable(it)
            | Edit::Note(it)
            | Edit::Presence(it)
            | Edit::Keys(it)
            | Edit::CreateFirst(it)
            | Edit::Ignore(it)
            | Edit::Rename(it)
            | Edit::Untold(it)
            | Edit::Key(it)
            | Edit::Retype(it) => it,
        };
        // A written name is not given on while somebody uses it who stays.
        let used = self.is_used(number);
        let Some(item) = self.items.iter_mut().find(|it| it.number == number) else { return };
        match edit {
            Edit::Mutable(_) => item.mutable += 1,
            Edit::Back(_) => item.mutable = item.mutable.saturating_sub(2),
            Edit::Immutable(_) => item.immutable += 1,
            Edit::Note(_) => item.note = if item.note.is_some() { None } else { Some(item.mutable) },
            Edit::Presence(_) => item.present = !item.present,
            Edit::Keys(_) => match item.keys.len() {
                0 => {}
                1 => item.keys.push("z-9"),
                _ => drop(item.keys.pop()),
            },
            Edit::CreateFirst(_) if item.kind != ItemKind::Name(true) => {
                item.create_first = if item.create_first.is_some() { None } else { Some(true) };
            }
            Edit::Ignore(_) => item.ignored = !item.ignored,
            Edit::Rename(_) => item.renamed += 1,
            Edit::Untold(_) if used && item.kind == ItemKind::Name(true) => {}
            Edit::Untold(_) => (item.renamed, item.told) = (item.renamed + 1, item.renamed + 1),
            Edit::Key(_) if item.keys.is_empty() && !matches!(item.kind, ItemKind::Network | ItemKind::Attachment) => {
                (item.keys, item.got_key) = (vec!["a"], true);
            }
            Edit::Retype(_) => match item.kind {
                ItemKind::Entry => item.kind = ItemKind::Name(false),
                ItemKind::Name(false) if item.parent.is_some() => item.kind = ItemKind::Entry,
                _ => {}
            },
            Edit::Key(_) | Edit::CreateFirst(_) | Edit::Drift(_) | Edit::Loss(_) | Edit::HandRound => {}
        }
        self.settle();
    }

    /// Whether another one refers to it, or might.
    fn is_used(&self, number: usize) -> bool {
        let refers = |it: &Item| matches!(it.kind, ItemKind::Name(_) | ItemKind::Entry) && it.number > number;
        self.items.iter().any(|it| it.after == Some(number) || refers(it) && it.friends.contains(&number))
    }

    /// Gives each written name that nobody uses to the next one.
    fn hand_round(&mut self) {
        let named = |it: &&Item| it.present && it.kind == ItemKind::Name(true) && !self.is_used(it.number);
        let labels: Vec<_> = self.items.iter().filter(named).map(|it| (it.number, it.label)).collect();
        for ((number, _), (_, label)) in labels.iter().zip(labels.iter().cycle().skip(1)) {
            self.items.iter_mut().filter(|it| it.number == *number).for_each(|it| it.label = *label);
        }
    }

    /// What the file says of one instance.
    pub(super) fn properties(&self, item: &Item, key: Option<&str>) -> Vec<(&'static str, Piece)> {
        let Item { number, immutable, mutable, .. } = item;
        let parent = || item.parent.and_then(|it| self.item(it)).expect("it is there with its parent");
        let suffix = key.map_or(String::new(), |key| format!("-{key}"));
        let host = key.map_or(0, |it| u64::from(it.as_bytes()[0]));
        let mut pieces = match item.kind {
            ItemKind::Network => {
                vec![("block", Piece::Text(format!("10.{}.0.0/16", immutable % 200))), ("dns", Piece::Bool(mutable % 2 == 1))]
            }
            ItemKind::Subnet => vec![
                ("network_id", parent().output("id")),
                ("block", Piece::Text(format!("10.0.{}.{}/32", immutable % 200, host))),
                ("public", Piece::Bool(mutable % 2 == 1)),
            ],
            ItemKind::Group => {
                let friends = item.friends.iter().chain([number]).filter_map(|it| self.there(*it)).filter(|it| it.kind == ItemKind::Group);
                let mut rules: Vec<_> = friends.zip(1000..).map(|(it, port)| (port, it.output("id"))).collect();
                // Most groups do not name themselves.
                if !number.is_multiple_of(3) {
                    rules.retain(|(_, it)| !matches!(it, Piece::Output { of, .. } if of.split('/').next() == Some(item.name().as_str())));
                }
                rules.push((i64::try_from(*mutable).expect("small"), Piece::Text("10.0.0.0/8".into())));
                vec![
                    ("network_id", parent().output("id")),
                    ("description", Piece::Text(format!("group {immutable}{suffix}"))),
                    ("rules", Piece::Rules(rules)),
                ]
            }
            ItemKind::Attachment => vec![("network_id", parent().output("id"))],
            ItemKind::Gateway => vec![
                ("subnet_id", parent().output("id")),
                ("class", Piece::Text(format!("class {immutable}"))),
                ("size", Piece::Int(i64::try_from(*mutable).expect("small"))),
            ],
            ItemKind::Name(written) => {
                let mut pieces = vec![("class", Piece::Text(format!("class {immutable}"))), ("payload", self.payload(item))];
                if written {
                    pieces.push(("name", Piece::Text(format!("name-{}{suffix}", item.label))));
                }
                if number.is_multiple_of(2) {
                    let earlier = item.friends.iter().filter(|it| *it < number).filter_map(|it| self.there(*it));
                    let keeper = earlier.into_iter().find(|it| matches!(it.kind, ItemKind::Name(_)));
                    let secret = || Piece::Text(format!("secret {}", mutable / 2));
                    pieces.push(("secret", keeper.map_or_else(secret, |it| it.output("key"))));
                }
                pieces
            }
            ItemKind::Entry => vec![
                ("network_id", parent().output("id")),
                ("key", Piece::Text(format!("key {number} {immutable}{suffix}"))),
                ("value", self.payload(item)),
            ],
        };
        if let Some(note) = item.note {
            pieces.push(("note", Piece::Text(format!("note {note}"))));
        }
        pieces
    }

    /// A text, or the output of an earlier item: of one that is slow to be ready, or of one that changes.
    fn payload(&self, item: &Item) -> Piece {
        let earlier = item.friends.iter().filter(|it| **it < item.number).filter_map(|it| self.there(*it));
        let output = earlier.into_iter().find_map(|it| match it.kind {
            ItemKind::Gateway => Some(it.output("address")),
            // A secret in what can be read back.
            ItemKind::Name(_) if item.number.is_multiple_of(5) => Some(it.output("key")),
            ItemKind::Name(_) if item.number.is_multiple_of(2) => Some(it.output("arn")),
            ItemKind::Name(_) => Some(it.output("version")),
            ItemKind::Network | ItemKind::Subnet | ItemKind::Entry => Some(it.output("id")),
            ItemKind::Group | ItemKind::Attachment => None,
        });
        match output {
            // Where something else would do, it says so itself.
            Some(output) if item.mutable.is_multiple_of(2) => output,
            _ => Piece::Text(format!("payload {}", item.mutable)),
        }
    }

    /// Whether something with a written name is needed, at whatever distance: that has to go first, and what must be made before its
    /// own predecessor goes would hold on to it. That is refused.
    fn needs_a_written_name(&self, item: &Item) -> bool {
        let (mut open, mut seen) = (vec![item.number], HashSet::new());
        while let Some(number) = open.pop() {
            if let Some(item) = self.there(number).filter(|_| seen.insert(number)) {
                open.extend(item.friends.iter().copied().chain(item.parent).chain(item.after));
            }
        }
        seen.iter().any(|it| *it != item.number && self.item(*it).is_some_and(|it| it.kind == ItemKind::Name(true)))
    }

    /// The outputs of the stack.
    pub(super) fn outputs(&self) -> Vec<(String, Piece)> {
        let output = |it: &&Item| match it.kind {
            ItemKind::Gateway => it.output("address"),
            ItemKind::Name(_) => it.output("version"),
            _ => it.output("id"),
        };
        let present = self.items.iter().filter(|it| it.present);
        present.map(|it| (format!("out{}", it.number), output(&it))).collect()
    }

    /// Every instance that is wanted.
    pub(super) fn instances(&self) -> impl Iterator<Item = (String, &Item, Option<&'static str>)> {
        let present = self.items.iter().filter(|it| it.present);
        present.flat_map(|item| item.instances().into_iter().map(move |(address, key)| (address, item, key)))
    }

    pub(super) fn yaml(&self) -> String {
        let mut text = "stack: world\nregion: eu-central-1\ntags: { Environment: \"${env.name}\" }\n".to_owned();
        let present: Vec<_> = self.items.iter().filter(|it| it.present).collect();
        if present.is_empty() {
            text += "resources: {}\n";
            return text;
        }
        text += "resources:\n";
        for item in &present {
            self.write(item, &mut text).expect("a string takes all");
        }
        let renames = present.iter().flat_map(|it| (it.told..it.renamed).map(|n| format!("{}: {}", it.name_after(n), it.name())));
        let keyed = present.iter().filter(|it| it.got_key).map(|it| format!("{}: {}/{}", it.name(), it.name(), it.keys[0]));
        let renames: Vec<_> = renames.chain(keyed).collect();
        if !renames.is_empty() {
            writeln!(text, "moved: {{ {} }}", renames.join(", ")).expect("a string takes all");
        }
        text += "outputs:\n";
        for (name, piece) in self.outputs() {
            writeln!(text, "  {name}: {}", quoted(&piece)).expect("a string takes all");
        }
        text
    }

    fn write(&self, item: &Item, text: &mut String) -> std::fmt::Result {
        writeln!(text, "  {}:", item.name())?;
        if !item.keys.is_empty() {
            // What differs from one to the next is its key and a number made of it.
            let pairs: Vec<_> = item.keys.iter().map(|key| format!("{key}: \"{}\"", key.as_bytes()[0])).collect();
            writeln!(text, "    for_each: {{ {} }}", pairs.join(", "))?;
        }
        let first = item.create_first.filter(|it| !(*it && self.needs_a_written_name(item)));
        let first = first.map(|it| format!("create_before_destroy: {it}"));
        let ignored = item.ignored.then(|| format!("ignore_changes: [{}]", item.ignorable()));
        let lifecycle: Vec<_> = first.into_iter().chain(ignored).collect();
        if !lifecycle.is_empty() {
            writeln!(text, "    lifecycle: {{ {} }}", lifecycle.join(", "))?;
        }
        if let Some(after) = item.after.and_then(|it| self.there(it)) {
            writeln!(text, "    depends_on: [{}]", after.name())?;
        }
        writeln!(text, "    {}:", item.type_name())?;
        if let Some(owner) = item.owner() {
            writeln!(text, "      tags: {{ Owner: {owner} }}")?;
        }
        for (property, piece) in self.properties(item, item.keys.first().copied()) {
            let generic = |it: String| match item.keys.first() {
                Some(key) if property == "block" => it.replace(&format!(".{}/32", key.as_bytes()[0]), ".${each.value}/32"),
                Some(key) => it.replace(&format!("-{key}"), "-${each.key}"),
                None => it,
            };
            match piece {
                Piece::Rules(rules) => {
                    writeln!(text, "      rules:")?;
                    for (port, source) in rules {
                        writeln!(text, "        - {{ port: {port}, source: {} }}", quoted(&source))?;
                    }
                }
                Piece::Text(it) => writeln!(text, "      {property}: {:?}", generic(it))?,
                other => writeln!(text, "      {property}: {}", quoted(&other))?,
            }
        }
        Ok(())
    }
}

fn quoted(piece: &Piece) -> String {
    match piece {
        Piece::Text(it) => format!("{it:?}"),
        Piece::Bool(it) => it.to_string(),
        Piece::Int(it) => it.to_string(),
        Piece::Output { expression, .. } => format!("{:?}", format!("${{{expression}}}")).replace("\\\"", "'"),
        Piece::Rules(_) => unreachable!("rules are not within rules"),
    }
}

fn pick(items: &[Item], chance: &mut Chance, of: impl Fn(&Item) -> bool) -> Option<usize> {
    let fit: Vec<_> = items.iter().filter(|it| of(it)).map(|it| it.number).collect();
    chance.pick(&fit).copied()
}
