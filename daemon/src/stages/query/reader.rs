//! Who reads, and what that shows.

use nightshift_model::Registry;
use nightshift_model::registry::Power;
use std::sync::Arc;

/// What somebody may see: decided by roles and the registry alone, the same for a person and for a token.
#[derive(Clone, Debug)]
pub struct Reader {
    sight: Sight,
}

#[derive(Clone, Debug)]
enum Sight {
    /// Whoever holds the file sees all of it.
    File,
    Roles {
        registry: Arc<Registry>,
        roles: Vec<String>,
    },
}

impl Reader {
    /// Somebody at the command line of the machine that holds the history.
    pub fn operator() -> Self {
        Self { sight: Sight::File }
    }

    /// Somebody with roles.
    pub fn with(registry: Arc<Registry>, roles: Vec<String>) -> Self {
        Self { sight: Sight::Roles { registry, roles } }
    }

    /// Whether something in a namespace may be shown; cluster-scoped objects have an empty one.
    pub fn sees(&self, namespace: &str) -> bool {
        match &self.sight {
            Sight::File => true,
            Sight::Roles { registry, roles } => registry.roles_may(roles, Power::View, namespace),
        }
    }

    /// Whether everything may be shown, also what is about no namespace.
    pub fn sees_all(&self) -> bool {
        match &self.sight {
            Sight::File => true,
            Sight::Roles { registry, roles } => registry.roles_may_all(roles, Power::View),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_its_roles_may_view_and_nothing_else() {
        let registry: Registry = serde_json::from_value(serde_json::json!({
            "roles": {
                "shop": {"owners": ["shop"]}, "blind": {"owners": ["*"], "may": ["approve"]},
                "all": {"owners": ["*"], "may": ["view"]},
            },
            "owners": [{"name": "shop", "namespaces": ["shop"]}],
        }))
        .unwrap();
        let registry = Arc::new(registry);
        let seen = |roles: &[&str]| {
            let roles = roles.iter().map(|r| (*r).to_owned()).collect();
            let reader = Reader::with(Arc::clone(&registry), roles);
            (reader.sees("shop"), reader.sees("bank"), reader.sees(""), reader.sees_all())
        };
        assert_eq!(seen(&[]), (false, false, false, false));
        assert_eq!(seen(&["shop"]), (true, false, false, false));
        assert_eq!(seen(&["blind", "gone"]), (false, false, false, false));
        assert_eq!(seen(&["all"]), (true, true, true, true));
    }
}
