//! The entries of a table, which go by their names: shown, compared and parsed in one way.

/// Gives a type with `all()` and `name()` its equality, its looks and its parser; `$parameter` is what it is called in errors.
macro_rules! named {
    ($type:ty, $parameter:literal) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.name() == other.name()
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::Error;

            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                Self::all()
                    .find(|entry| entry.name() == text)
                    .ok_or_else(|| {
                        let names: Vec<_> = Self::all().map(Self::name).collect();
                        $crate::Error::Parameter {
                            name: $parameter,
                            value: $crate::archive::shown(text),
                            legal: format!("expected one of {}", names.join(", ")),
                        }
                    })
            }
        }
    };
}
pub(crate) use named;
