//! Resolution of paths: the file that defines an item, through all `use` declarations in between.

use super::source::{ModuleId, Workspace};

/// The item or module that a path names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Module(ModuleId),
    /// An item, defined in this module.
    Item(ModuleId),
}

/// A path with its target.
pub struct Resolved {
    pub target: Target,
    /// Modules whose `use` declarations the path passed through, in order.
    pub through: Vec<ModuleId>,
}

/// `use` declarations that one path may pass through.
const MAX_DECLARATIONS: usize = 32;

/// Follows a path that is written in the module `from`. `None` for paths into other crates than the workspace's.
pub fn resolve(workspace: &Workspace, from: ModuleId, path: &[String]) -> Option<Resolved> {
    let mut through = Vec::new();
    let target = follow(workspace, from, path, &mut through)?;
    Some(Resolved { target, through })
}

fn follow(
    workspace: &Workspace,
    from: ModuleId,
    path: &[String],
    through: &mut Vec<ModuleId>,
) -> Option<Target> {
    if through.len() > MAX_DECLARATIONS {
        return None;
    }
    let module = &workspace.modules[from];
    let (first, mut rest) = path.split_first()?;
    let mut target = match first.as_str() {
        "crate" => Target::Module(workspace.roots[&module.krate]),
        "self" => Target::Module(from),
        "super" => Target::Module(module.parent?),
        name => match look_up(workspace, from, name, rest.is_empty(), through) {
            Some(target) => target,
            None => Target::Module(*workspace.roots.get(name)?),
        },
    };
    while let (Target::Module(id), Some((name, after))) = (target, rest.split_first()) {
        target = match name.as_str() {
            "super" => Target::Module(workspace.modules[id].parent?),
            // A name that a macro defines is not found: the module's file stands for it.
            name => look_up(workspace, id, name, after.is_empty(), through).unwrap_or(Target::Item(id)),
        };
        rest = after;
    }
    Some(target)
}

/// The meaning of one name in a module. A module and an item may share a name: `is_last` prefers the item.
fn look_up(
    workspace: &Workspace,
    module: ModuleId,
    name: &str,
    is_last: bool,
    through: &mut Vec<ModuleId>,
) -> Option<Target> {
    let scope = &workspace.modules[module];
    let child = scope.children.get(name).map(|&child| Target::Module(child));
    let item = scope.items.contains(name).then_some(Target::Item(module));
    let named = |through: &mut Vec<ModuleId>| {
        scope.imports.iter().filter(|import| import.name.as_deref() == Some(name)).find_map(|import| {
            // `use name;` of a macro names itself.
            if import.path.len() == 1 && import.path[0] == name {
                return None;
            }
            let length = through.len();
            through.push(module);
            let target = follow(workspace, module, &import.path, through);
            if target.is_none() {
                through.truncate(length);
            }
            target
        })
    };
    if !is_last && child.is_some() {
        return child;
    }
    if let Some(target) = item.or_else(|| named(through)).or(child) {
        return Some(target);
    }
    scope.imports.iter().filter(|import| import.name.is_none()).find_map(|import| {
        let length = through.len();
        through.push(module);
        let found = match follow(workspace, module, &import.path, through) {
            Some(Target::Module(id)) if id != module => look_up(workspace, id, name, is_last, through),
            _ => None,
        };
        if found.is_none() {
            through.truncate(length);
        }
        found
    })
}
