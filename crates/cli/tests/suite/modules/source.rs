//! The module tree of every crate, read from the source files.
//!
//! Items and files under `#[cfg(test)]` are left out. Macros are not expanded: an item that a macro makes is looked for in vain,
//! and the path to it counts as a path to the module's file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, iter};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Stmt, UseTree, Visibility};

/// Index of a module in [`Workspace::modules`].
pub type ModuleId = usize;

/// The modules of all crates.
#[derive(Default)]
pub struct Workspace {
    /// Root module of every crate, by the name that code uses (`sottovoce_bfv`).
    pub roots: BTreeMap<String, ModuleId>,
    pub modules: Vec<Module>,
}

/// One module, in a file of its own or inside another module's file.
pub struct Module {
    /// Name of the crate in code.
    pub krate: String,
    /// Source file, relative to the folder of the workspace.
    pub file: String,
    pub parent: Option<ModuleId>,
    pub children: BTreeMap<String, ModuleId>,
    /// Names of the items that the module defines.
    pub items: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// Paths in the module's code, `use` declarations excluded.
    pub paths: BTreeSet<Vec<String>>,
    /// First segments of the types that have inherent `impl` blocks here.
    pub inherent_impls: BTreeSet<Vec<String>>,
}

/// One name that a `use` declaration brings into scope.
#[derive(Clone)]
pub struct Import {
    /// Name in the importing module; `None` for `*`.
    pub name: Option<String>,
    pub path: Vec<String>,
    /// True if other modules can import the name from here.
    pub reexport: bool,
}

/// Reads all crates of a workspace: folders in `crates` with a `Cargo.toml`.
pub fn read_workspace(folder: &Path) -> Workspace {
    let mut workspace = Workspace::default();
    let mut crates: Vec<PathBuf> =
        fs::read_dir(folder.join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    crates.sort();
    for path in crates {
        let name = crate_name(&path);
        let root =
            ["src/lib.rs", "src/main.rs"].map(|root| path.join(root)).into_iter().find(|root| root.exists());
        let root =
            root.unwrap_or_else(|| panic!("{} has neither src/lib.rs nor src/main.rs", path.display()));
        let mut reader = Reader { folder, workspace: &mut workspace, krate: name.clone() };
        let id = reader.file(&root, None);
        workspace.roots.insert(name, id);
    }
    workspace
}

/// Name of the crate in a folder, as code writes it.
fn crate_name(folder: &Path) -> String {
    manifest(folder)["package"]["name"].as_str().unwrap().replace('-', "_")
}

/// The `Cargo.toml` of a crate.
pub fn manifest(folder: &Path) -> toml::Table {
    fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap()
}

struct Reader<'a> {
    folder: &'a Path,
    workspace: &'a mut Workspace,
    krate: String,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, parent: Option<ModuleId>) -> ModuleId {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let is_folder = ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.ends_with(name));
        let children = if is_folder { path.parent().unwrap().to_owned() } else { path.with_extension("") };
        self.module(&file.items, path, &children, parent)
    }

    fn module(
        &mut self,
        items: &[Item],
        path: &Path,
        folder_of_children: &Path,
        parent: Option<ModuleId>,
    ) -> ModuleId {
        let file = path.strip_prefix(self.folder).unwrap().to_string_lossy().replace('\\', "/");
        let id = self.workspace.modules.len();
        let mut code = Code::default();
        items.iter().for_each(|item| code.visit_item(item));
        self.workspace.modules.push(Module {
            krate: self.krate.clone(),
            file,
            parent,
            children: BTreeMap::new(),
            items: items.iter().filter(|item| !is_test(attributes(item))).flat_map(defined_name).collect(),
            imports: code.imports,
            paths: code.paths,
            inherent_impls: code.inherent_impls,
        });
        for item in items {
            let Item::Mod(module) = item else { continue };
            if is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let child = match &module.content {
                Some((_, items)) => self.module(items, path, &folder_of_children.join(&name), Some(id)),
                None => {
                    let beside = folder_of_children.join(format!("{name}.rs"));
                    let inside = folder_of_children.join(&name).join("mod.rs");
                    self.file(if beside.exists() { &beside } else { &inside }, Some(id))
                }
            };
            self.workspace.modules[id].children.insert(name, child);
        }
        id
    }
}

/// Collects what a module's own code names; nested modules are read as modules of their own.
#[derive(Default)]
struct Code {
    imports: Vec<Import>,
    paths: BTreeSet<Vec<String>>,
    inherent_impls: BTreeSet<Vec<String>>,
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) && !matches!(item, Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !matches!(statement, Stmt::Local(local) if is_test(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (None, syn::Type::Path(path)) = (&item.trait_, &*item.self_ty) {
            self.inherent_impls.insert(segments(&path.path));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // A path that begins with `::` names an outside crate.
        if item.leading_colon.is_none() {
            let reexport = !matches!(item.vis, Visibility::Inherited);
            self.use_tree(&item.tree, &mut Vec::new(), reexport);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.insert(segments(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(crate)` holds a path that imports nothing.
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.paths.insert(segments(&call.path));
        self.tokens(call.tokens.clone());
    }
}

impl Code {
    fn use_tree(&mut self, tree: &UseTree, prefix: &mut Vec<String>, reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.use_tree(&path.tree, prefix, reexport);
                prefix.pop();
            }
            UseTree::Name(name) => self.import(prefix, &name.ident.to_string(), None, reexport),
            UseTree::Rename(rename) => {
                let name = rename.rename.to_string();
                self.import(prefix, &rename.ident.to_string(), Some(name), reexport);
            }
            UseTree::Glob(_) => self.imports.push(Import { name: None, path: prefix.clone(), reexport }),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, prefix, reexport));
            }
        }
    }

    fn import(&mut self, prefix: &[String], last: &str, name: Option<String>, reexport: bool) {
        let mut path = prefix.to_vec();
        // `use a::b::{self}` imports `a::b`.
        if last != "self" || path.is_empty() {
            path.push(last.to_owned());
        }
        let name = name.or_else(|| path.last().cloned());
        self.imports.push(Import { name, path, reexport });
    }

    /// Paths of at least two segments in a macro's arguments or definition.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        // Colons since the last name; two join the next name to the path.
        let mut colons = 0;
        let mut finish = |path: &mut Vec<String>| {
            if path.len() > 1 {
                self.paths.insert(path.clone());
            }
            path.clear();
        };
        let mut groups = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        finish(&mut path);
                    }
                    // In a macro's definition, `$crate` is a `$` and this name.
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    finish(&mut path);
                    colons = 0;
                    groups.push(group.stream());
                }
                _ => {
                    finish(&mut path);
                    colons = 0;
                }
            }
        }
        finish(&mut path);
        groups.into_iter().for_each(|group| self.tokens(group));
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Name of the item that is defined; a `use` or `impl` defines none.
fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// True for `#[cfg(test)]` and for `#[cfg(all(test, ...))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let mut tokens = list.tokens.clone().into_iter();
        match tokens.next() {
            Some(TokenTree::Ident(name)) if name == "test" => true,
            Some(TokenTree::Ident(name)) if name == "all" => match tokens.next() {
                Some(TokenTree::Group(group)) => iter::once(())
                    .flat_map(|()| group.stream())
                    .any(|token| matches!(token, TokenTree::Ident(name) if name == "test")),
                _ => false,
            },
            _ => false,
        }
    })
}
