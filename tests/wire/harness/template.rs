//! The content of template.yaml, as it stands.

use saphyr::{LoadableYamlNode as _, Yaml};

use super::root;

/// Looks at everything in a section of the template, such as `Resources`, with its logical name.
pub(crate) fn each_in_template(section: &str, mut look: impl FnMut(&str, &Yaml<'_>)) {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template = Yaml::load_from_str(&text).unwrap();
    for (name, entry) in template[0].as_mapping_get(section).unwrap().as_mapping().unwrap() {
        look(name.as_str().unwrap(), entry);
    }
}

/// Looks at the properties of each resource of a type.
pub(crate) fn each_resource(kind: &str, mut look: impl FnMut(&str, &Yaml<'_>)) {
    each_in_template("Resources", |name, resource| {
        if resource.as_mapping_get("Type").and_then(Yaml::as_str) == Some(kind) {
            look(name, resource.as_mapping_get("Properties").unwrap());
        }
    });
}
