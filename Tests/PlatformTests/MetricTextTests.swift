import Platform
import Testing

@Suite struct `The text for Prometheus` {
  @Test(arguments: [
    ("plain", "plain"), ("a\\b", #"a\\b"#), ("say \"hi\"", #"say \"hi\""#), ("two\nlines", #"two\nlines"#),
    ("Grüße", "Grüße"), ("{}=,", "{}=,"),
  ])
  func `escapes the values of labels`(value: String, wanted: String) {
    let text = MetricText.encode([MetricFamily("x", "Help.", .gauge, [([("label", value)], 1)])])
    #expect(text == "# HELP x Help.\n# TYPE x gauge\nx{label=\"\(wanted)\"} 1\n")
  }

  @Test func `escapes its help, but for quotes`() {
    let text = MetricText.encode([MetricFamily("x", "a \"b\"\nc \\ d", .counter, 0)])
    #expect(text.hasPrefix("# HELP x a \"b\"\\nc \\\\ d\n"))
  }

  private static let numbers: [(Double, String)] = [
    (0, "0"), (1, "1"), (-3, "-3"), (0.25, "0.25"), (1e20, "1e+20"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
    (.nan, "NaN"),
  ]

  @Test(arguments: numbers)
  func `writes numbers that its parser reads`(value: Double, wanted: String) {
    let text = MetricText.encode([MetricFamily("x", "Help.", .gauge, value)])
    #expect(text.hasSuffix("\nx \(wanted)\n"))
  }

  @Test func `leaves out what has no samples, and groups what two parts share`() async {
    let metrics = Metrics()
    metrics.add { [MetricFamily("a", "A.", .gauge, []), MetricFamily("b", "B.", .gauge, [([("of", "one")], 1)])] }
    metrics.add { [MetricFamily("c", "C.", .gauge, 3), MetricFamily("b", "B.", .gauge, [([("of", "two")], 2)])] }
    let text = MetricText.encode(await metrics.families())
    #expect(
      text == """
        # HELP b B.
        # TYPE b gauge
        b{of="one"} 1
        b{of="two"} 2
        # HELP c C.
        # TYPE c gauge
        c 3

        """)
  }
}

@Suite struct `A histogram` {
  @Test func `counts by bounds, each up to and with its bound`() {
    let histogram = Histogram()
    for bound in Histogram.bounds {
      histogram.observe(nanoseconds: bound)
      histogram.observe(nanoseconds: bound + 1)
    }
    histogram.observe(nanoseconds: -5)
    let counts = histogram.snapshot.counts
    let wanted = [2] + Array(repeating: 2, count: Histogram.bounds.count - 1) + [1]
    #expect(counts == wanted)
    #expect(histogram.snapshot.total == 2 * Histogram.bounds.count + 1)
  }

  @Test func `loses nothing that many threads count`() async {
    let histogram = Histogram()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { histogram.observe(nanoseconds: 60_000) } } }
    }
    let snapshot = histogram.snapshot
    #expect(snapshot.counts[1] == 80_000)
    #expect(snapshot.sum == 80_000 * 60_000)
  }

  @Test func `is written cumulatively, with its sum and count`() {
    let histogram = Histogram()
    for nanoseconds in [50_000, 70_000, 60_000_000_000] { histogram.observe(nanoseconds: nanoseconds) }
    let text = MetricText.encode([MetricFamily(seconds: "t", "T.", [([("of", "x")], histogram.snapshot)])])
    let lines = text.split(separator: "\n").dropFirst(2)
    #expect(lines.first == #"t_bucket{of="x",le="5e-05"} 1"#)
    #expect(lines.dropFirst().first == #"t_bucket{of="x",le="0.0001"} 2"#)
    let end = [#"t_bucket{of="x",le="+Inf"} 3"#, #"t_sum{of="x"} 60.00012"#, #"t_count{of="x"} 3"#]
    let found = lines.suffix(3).map { String($0) }
    #expect(found == end)
  }
}
