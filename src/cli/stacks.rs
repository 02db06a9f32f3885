//! The stacks that a command is about: read, checked, and for which environment.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

use infra::{
    diagnostic::{Diagnostic, any_error},
    exit::Exit,
    report::Shell,
    resource::Catalog,
    stack::{self, Caller, File, Files, Settings},
    state::Store,
};

use super::{
    Context, cloud,
    failure::{Failure, Result},
    options::Selection,
};

/// Reads the files that are meant. What is wrong with them comes along; a file of which nothing can be made is left out.
pub(crate) fn parse(context: &Context, selection: &Selection, catalog: &Catalog) -> Result<(Vec<File>, Vec<Diagnostic>)> {
    let mut files: Vec<File> = vec![];
    let mut diagnostics = vec![];
    for source in context.project.sources(selection)? {
        let (file, mut found) = stack::parse(source, catalog);
        diagnostics.append(&mut found);
        let Some(file) = file else { continue };
        // Their states would be one.
        if let Some(other) = files.iter().find(|it| it.name() == file.name()) {
            let summary = format!("{} and {} are both the stack `{}`", other.source().path, file.source().path, file.name());
            diagnostics.push(Diagnostic::error(summary).help("give one of them another name"));
        }
        files.push(file);
    }
    Ok((files, diagnostics))
}

/// Reads the files that are meant and chooses their environment. Mistakes are told and end it.
pub(crate) fn open(context: &mut Context, selection: &Selection, catalog: &Catalog) -> Result<(Vec<File>, String)> {
    let (files, diagnostics) = parse(context, selection, catalog)?;
    tell(&mut context.shell, &diagnostics)?;
    let environment = environment(context, selection, &files)?;
    Ok((files, environment))
}

/// Shows what was found in the files; any mistake ends the command.
pub(crate) fn tell(shell: &mut Shell, diagnostics: &[Diagnostic]) -> Result<()> {
    let failed = any_error(diagnostics);
    if !diagnostics.is_empty() {
        shell.diagnostics(diagnostics, if failed { "nothing was done" } else { "going on" });
    }
    if failed { Err(Failure::said(Exit::Invalid)) } else { Ok(()) }
}

pub(crate) fn environment(context: &Context, selection: &Selection, files: &[File]) -> Result<String> {
    let declared: BTreeMap<_, _> =
        files.iter().map(|it| (it.source().path.clone(), it.environments().into_iter().map(str::to_owned).collect::<Vec<_>>())).collect();
    cloud::environment(selection.env.as_deref(), context.project.defaults.env.as_deref(), &declared)
}

/// What is chosen for one file: `caller` where somebody was asked.
pub(crate) fn settings(file: &File, environment: &str, selection: &Selection, region: Option<&str>, caller: Option<Caller>) -> Settings {
    let folder = Path::new(&file.source().path).parent().unwrap_or(Path::new("")).to_owned();
    Settings {
        environment: environment.to_owned(),
        vars: selection.variables(),
        region: region.map(str::to_owned),
        caller,
        files: Files::new(move |path| fs::read(folder.join(path)).map_err(|error| error.to_string())),
    }
}

/// The states that a command is about which looks at nothing else. The files only tell their names.
pub(crate) fn stores(context: &mut Context, selection: &Selection, catalog: &Catalog) -> Result<Vec<Store>> {
    let folder = context.project.state.clone();
    let defaults = &context.project.defaults;
    let environment = selection.env.as_ref().or(defaults.env.as_ref()).filter(|it| !it.is_empty());
    if let (Some(environment), Some(name)) = (environment, selection.stack.as_ref().or(defaults.stack.as_ref())) {
        // Also of a stack whose file is gone.
        let store = Store::open(&folder, environment, name);
        if let Ok(store) = store
            && store.state_path().exists()
        {
            return Ok(vec![store]);
        }
    }
    let (files, diagnostics) = parse(context, selection, catalog)?;
    if files.is_empty() {
        tell(&mut context.shell, &diagnostics)?;
    }
    let environment = self::environment(context, selection, &files)?;
    files.iter().map(|it| Store::open(&folder, &environment, it.name()).map_err(Failure::from)).collect()
}

/// Adds what is not there yet: several environments find the same mistakes.
pub(crate) fn merge(diagnostics: &mut Vec<Diagnostic>, more: Vec<Diagnostic>) {
    let key = |it: &Diagnostic| {
        let label = it.labels.first();
        (label.map(|it| (it.place.source.path.clone(), it.place.span.clone())), it.summary.clone())
    };
    let mut known: HashSet<_> = diagnostics.iter().map(key).collect();
    diagnostics.extend(more.into_iter().filter(|it| known.insert(key(it))));
}
