//! The body's registers: what libgphoto2 shows as settings and states.

/// Type of a property's value, with PTP's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    I8 = 1,
    U8 = 2,
    I16 = 3,
    U16 = 4,
    U32 = 6,
}

impl Kind {
    /// Bytes of a value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::U32 => 4,
        }
    }

    /// The value that `data` begins with.
    pub(crate) fn read(self, data: &[u8]) -> Option<i64> {
        let mut bytes = [0; 8];
        bytes[..self.size()].copy_from_slice(data.get(..self.size())?);
        let value = i64::from_le_bytes(bytes);
        Some(match self {
            Self::I8 => i64::from(value as i8),
            Self::I16 => i64::from(value as i16),
            _ => value,
        })
    }

    /// `value` as bytes.
    pub(crate) fn bytes(self, value: i64) -> Vec<u8> {
        value.to_le_bytes()[..self.size()].to_vec()
    }
}

/// Values a property takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// Any.
    Free,
    /// Least, greatest, step.
    Range([i64; 3]),
    /// One of these.
    List(Vec<i64>),
}

/// Who may change a property, and how: Sony's getset byte, and its isenabled byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The client, by value.
    Set,
    /// The client, by steps along the list.
    Step,
    /// The body only.
    Show,
    /// Not a value: a button.
    Button,
    /// Not a value: a wheel with clicks.
    Notch,
    /// Not a value: takes any.
    Variable,
}

impl Access {
    /// The two bytes.
    pub(crate) fn bytes(self) -> [u8; 2] {
        match self {
            Self::Set => [1, 1],
            Self::Step => [0, 1],
            Self::Show => [0, 2],
            Self::Button => [0x81, 1],
            Self::Notch => [0x82, 1],
            Self::Variable => [0x84, 1],
        }
    }

    /// Whether it is a control and no property.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Button | Self::Notch | Self::Variable)
    }
}

/// One property or control.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) code: u16,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    pub(crate) value: i64,
    pub(crate) default: i64,
    pub(crate) form: Form,
    /// What steps go through where the form does not say.
    pub(crate) steps: Vec<i64>,
}

impl Property {
    /// A property that starts at its default `value`.
    pub(crate) fn new(code: u16, kind: Kind, access: Access, value: i64, form: Form) -> Self {
        Self { code, kind, access, value, default: value, form, steps: Vec::new() }
    }

    /// Whether it may take `value`.
    pub(crate) fn takes(&self, value: i64) -> bool {
        match &self.form {
            Form::Free => true,
            Form::Range([least, greatest, _]) => (*least..=*greatest).contains(&value),
            Form::List(values) => values.contains(&value),
        }
    }

    /// The value `by` places further along the list, held at its ends.
    pub(crate) fn stepped(&self, by: i64) -> i64 {
        let values = match &self.form {
            Form::List(values) => values,
            _ => &self.steps,
        };
        let Some(at) = values.iter().position(|&value| value == self.value) else { return self.value };
        let last = values.len() as i64 - 1;
        values[(at as i64).saturating_add(by).clamp(0, last) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_their_bytes() {
        let values = [
            (Kind::I8, -7),
            (Kind::U8, 200),
            (Kind::I16, -3000),
            (Kind::U16, 0x8005),
            (Kind::U32, 0xffff_ffff),
        ];
        for (kind, value) in values {
            assert_eq!(kind.bytes(value).len(), kind.size());
            assert_eq!(kind.read(&kind.bytes(value)), Some(value));
            assert_eq!(kind.read(&kind.bytes(value)[1..]), None, "too short");
        }
    }

    #[test]
    fn steps_stay_on_the_list() {
        let list = Form::List(vec![280, 320, 350]);
        let mut property = Property::new(0x5007, Kind::U16, Access::Step, 320, list);
        assert_eq!([-1, 0, 1, 100, i64::MIN].map(|by| property.stepped(by)), [280, 320, 350, 350, 280]);
        assert!(property.takes(280) && !property.takes(290));
        property.value = 999;
        assert_eq!(property.stepped(1), 999, "off the list nothing moves");
    }
}
