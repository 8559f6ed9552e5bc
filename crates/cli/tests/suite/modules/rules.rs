//! Rules for the arrows between files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::paths::{Target, resolve};
use super::source::{Import, ModuleId, Workspace};

/// For every file the files that it needs, each with one path that needs it.
pub type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// The arrows between all files. A re-export of an item from the module's own subtree is no arrow unless the module's code uses
/// the name; an import of a module is none, but paths through the module are.
pub fn arrows(workspace: &Workspace) -> Arrows {
    let mut arrows = Arrows::new();
    for (id, module) in workspace.modules.iter().enumerate() {
        let uses = module.imports.iter().filter(|import| !is_table_of_contents(workspace, id, import));
        for path in uses.map(|import| &import.path).chain(&module.paths) {
            let Some(resolved) = resolve(workspace, id, path) else { continue };
            let Target::Item(target) = resolved.target else { continue };
            let file = &workspace.modules[target].file;
            if *file != module.file {
                let from = arrows.entry(module.file.clone()).or_default();
                from.entry(file.clone()).or_insert_with(|| path.join("::"));
            }
        }
    }
    arrows
}

/// True for `pub use child::Item`.
fn is_table_of_contents(workspace: &Workspace, module: ModuleId, import: &Import) -> bool {
    import.reexport
        && resolve(workspace, module, &import.path).is_some_and(|resolved| {
            let (Target::Item(target) | Target::Module(target)) = resolved.target;
            is_inside(workspace, target, module)
        })
}

/// True if `module` is `ancestor` or below it.
fn is_inside(workspace: &Workspace, module: ModuleId, ancestor: ModuleId) -> bool {
    let mut above = Some(module);
    while let Some(id) = above {
        if id == ancestor {
            return true;
        }
        above = workspace.modules[id].parent;
    }
    false
}

/// Groups of files of one crate that need each other, each with the arrows inside the group.
pub fn circles(workspace: &Workspace, arrows: &Arrows) -> Vec<String> {
    let crates: BTreeMap<&str, &str> =
        workspace.modules.iter().map(|module| (module.file.as_str(), module.krate.as_str())).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> = crates
        .keys()
        .map(|&file| (file, reachable(arrows, file, |next| crates[next] == crates[file])))
        .collect();
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for (&file, reached_files) in &reached {
        let group: Vec<&str> =
            reached_files.iter().copied().filter(|other| reached[other].contains(file)).collect();
        if group.len() < 2 || !seen.insert(group.clone()) {
            continue;
        }
        let mut text = format!("{} files need each other", group.len());
        let shortest = group.iter().filter_map(|file| shortest_circle(arrows, file)).min_by_key(Vec::len);
        text += &format!(", for instance {}:", shortest.unwrap_or_default().join(" -> "));
        for from in &group {
            for (to, path) in arrows.get(*from).into_iter().flatten() {
                if group.contains(&to.as_str()) {
                    text += &format!("\n    {from} -> {to}  ({path})");
                }
            }
        }
        circles.push(text);
    }
    circles
}

/// The shortest way from a file back to itself.
fn shortest_circle<'a>(arrows: &'a Arrows, file: &'a str) -> Option<Vec<&'a str>> {
    let next = arrows.get(file).into_iter().flat_map(BTreeMap::keys);
    let mut circle =
        next.filter_map(|next| shortest_chain(arrows, next, |end| end == file)).min_by_key(Vec::len)?;
    circle.insert(0, file);
    Some(circle)
}

/// Files that can be reached from a file over arrows that `may_enter` allows, the file itself only over a circle.
fn reachable<'a>(arrows: &'a Arrows, from: &'a str, may_enter: impl Fn(&str) -> bool) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if may_enter(next) && reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

/// Paths inside a crate that lead to an item through a `use` declaration of `lib.rs` or of another module above, although the
/// module that defines the item can be named.
pub fn detours(workspace: &Workspace) -> Vec<String> {
    let mut detours = BTreeSet::new();
    for (id, module) in workspace.modules.iter().enumerate() {
        let imports = module.imports.iter().map(|import| &import.path);
        for path in imports.chain(&module.paths) {
            if !matches!(path.first().map(String::as_str), Some("crate" | "super" | "self")) {
                continue;
            }
            let Some(resolved) = resolve(workspace, id, path) else { continue };
            let (Target::Item(target) | Target::Module(target)) = resolved.target;
            let target = &workspace.modules[target];
            let detour = resolved.through.iter().map(|&through| (through, &workspace.modules[through])).find(
                |&(through, above)| {
                    above.file != module.file
                        && above.krate == target.krate
                        && is_inside(workspace, id, through)
                },
            );
            if let Some((_, above)) = detour {
                let path = path.join("::");
                let (from, above, target) = (&module.file, &above.file, &target.file);
                detours.insert(format!("{from} imports {path} through {above}; {target} defines it"));
            }
        }
    }
    detours.into_iter().collect()
}

/// Inherent `impl` blocks in other files than the type's.
pub fn scattered_methods(workspace: &Workspace) -> Vec<String> {
    let mut scattered = BTreeSet::new();
    for (id, module) in workspace.modules.iter().enumerate() {
        for path in &module.inherent_impls {
            let Some(Target::Item(target)) = resolve(workspace, id, path).map(|resolved| resolved.target)
            else {
                continue;
            };
            let defining = &workspace.modules[target].file;
            if *defining != module.file {
                let (name, file) = (path.join("::"), &module.file);
                scattered.insert(format!("{file} has methods of {name}, which {defining} defines"));
            }
        }
    }
    scattered.into_iter().collect()
}

/// Chains of arrows from a file under one of the folders `from` to a file under one of the folders `forbidden`, one chain for each
/// starting file. Files under `forbidden` are not starting files. A folder `a/b` also stands for the file `a/b.rs`.
pub fn chains(workspace: &Workspace, arrows: &Arrows, from: &[&str], forbidden: &[&str]) -> Vec<String> {
    let files: BTreeSet<&str> = workspace.modules.iter().map(|module| module.file.as_str()).collect();
    for folder in from.iter().chain(forbidden) {
        assert!(files.iter().any(|file| is_under(file, folder)), "no source file is in {folder}");
    }
    let is_forbidden = |file: &str| forbidden.iter().any(|folder| is_under(file, folder));
    let is_start = |file: &&str| from.iter().any(|folder| is_under(file, folder)) && !is_forbidden(file);
    files
        .iter()
        .copied()
        .filter(is_start)
        .filter_map(|start| {
            let chain = shortest_chain(arrows, start, is_forbidden)?;
            Some(chain.join("\n    -> "))
        })
        .collect()
}

/// Paths to the item `name` of the outside crate `library`, in files under one of the folders `from`; files under `except` are left
/// out.
pub fn uses_of(
    workspace: &Workspace,
    library: &str,
    name: &str,
    from: &[&str],
    except: &[&str],
) -> Vec<String> {
    let is_in = |file: &str, folders: &[&str]| folders.iter().any(|folder| is_under(file, folder));
    let mut uses = BTreeSet::new();
    for module in
        workspace.modules.iter().filter(|module| is_in(&module.file, from) && !is_in(&module.file, except))
    {
        for path in module.imports.iter().map(|import| &import.path).chain(&module.paths) {
            // `bfv::SecretKey` may stand for `fhe::bfv::SecretKey`.
            let start = module.imports.iter().find(|import| import.name.as_ref() == path.first());
            let full: Vec<&String> = match start {
                Some(import) => import.path.iter().chain(path.iter().skip(1)).collect(),
                None => path.iter().collect(),
            };
            if full.first().is_some_and(|first| *first == library)
                && full.iter().any(|segment| *segment == name)
            {
                uses.insert(format!("{} uses {}", module.file, path.join("::")));
            }
        }
    }
    uses.into_iter().collect()
}

fn is_under(file: &str, folder: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn shortest_chain<'a>(
    arrows: &'a Arrows,
    start: &'a str,
    is_goal: impl Fn(&str) -> bool,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::from([(start, start)]);
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        if is_goal(file) {
            let mut chain = vec![file];
            let mut file = file;
            while file != start {
                file = came_from[file];
                chain.push(file);
            }
            chain.reverse();
            return Some(chain);
        }
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, file);
                open.push_back(next);
            }
        }
    }
    None
}
