use proptest::prelude::*;

use super::*;

/// Longer than anything here.
const MOST: usize = 64 * 1024 * 1024;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("equal to itself", |f| !f.is_nan()).prop_map(Value::Float),
        ".*".prop_map(Value::Str),
        any::<i64>().prop_map(|micros| Value::DateTime(Timestamp::from_micros(micros))),
        any::<i64>().prop_map(Value::Duration),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Tuple),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Dict),
            (0..KINDS.len(), ".{0,4}", prop::collection::vec((".{0,3}", inner), 0..3)).prop_map(|(kind, id, attrs)| {
                Value::Object(ObjectRef { kind: KINDS[kind], id: id.clone(), label: id, attrs })
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let mut writer = Writer::new(Vec::new(), MOST);
        writer.value(&value);
        let (written, whole) = writer.end();
        prop_assert_eq!(whole, Ok(()));
        let mut reader = Reader::new(&written, 32);
        prop_assert_eq!(reader.value(), Ok(value));
        prop_assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_message_that_is_cut_short_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
        let mut writer = Writer::new(Vec::new(), MOST);
        writer.value(&value);
        let (written, _) = writer.end();
        let kept = &written[..cut.index(written.len())];
        prop_assert_eq!(Reader::new(kept, 32).value(), Err(Malformed));
    }

    #[test]
    fn nothing_that_arrives_can_hurt(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Reader::new(&bytes, 32).value();
        let _ = Reader::new(&bytes, 32).request();
        let _ = Reader::new(&bytes, 32).failure();
    }
}

#[test]
fn lists_without_end_and_without_bottom_are_refused() {
    let deep: Vec<u8> = std::iter::repeat_n([6, 1, 0, 0, 0], 100_000).flatten().collect();
    assert_eq!(Reader::new(&deep, 32).value(), Err(Malformed));
    let mut long = vec![6];
    long.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Reader::new(&long, 32).value(), Err(Malformed));
    // Many small lists side by side, each of a length that could be true.
    let mut wide = vec![6];
    wide.extend_from_slice(&600_000u32.to_le_bytes());
    wide.extend(std::iter::repeat_n(0, 600_000));
    assert_eq!(Reader::new(&wide, 32).value(), Err(Malformed));
}

#[test]
fn every_kind_has_the_number_under_which_it_is_read() {
    for (place, kind) in KINDS.iter().enumerate() {
        assert_eq!(usize::from(number_of(*kind)), place, "{kind:?}");
    }
}

#[test]
fn what_its_reader_would_not_take_is_not_written_and_takes_no_memory() {
    let write = |value: &Value, most: usize| {
        let mut writer = Writer::new(vec![7; 10], most);
        writer.value(value);
        let (written, whole) = writer.end();
        (written.len() - 10, whole)
    };
    let text = Value::Str("x".repeat(1_000));
    assert_eq!(write(&text, 1_005), (1_005, Ok(())));
    assert_eq!(write(&text, 1_004).1, Err(TooLarge));
    let most = Value::List(vec![Value::None; MOST_VALUES - 1]);
    let mut writer = Writer::new(Vec::new(), MOST);
    writer.value(&most);
    let (written, whole) = writer.end();
    assert_eq!(whole, Ok(()));
    assert_eq!(Reader::new(&written, 32).value(), Ok(most), "what is written is taken");
    assert_eq!(write(&Value::List(vec![Value::None; MOST_VALUES]), MOST).1, Err(TooLarge));
    let (length, whole) = write(&Value::List(vec![text; 100_000]), 5_000);
    assert!(whole == Err(TooLarge) && length <= 5_000, "{length}");
}
