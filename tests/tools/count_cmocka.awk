# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Reads Testing/Temporary/LastTest.log of ctest and counts the tests inside cmocka's executables. Prints "FAIL: EXECUTABLE: TEST"
# and "SKIP: EXECUTABLE: TEST", with what the test printed as its reason ("skipped: WHY"), then "N passed, N failed, N skipped".
/^[0-9]+\/[0-9]+ Test: / { name = $3; test = reason = ""; counted = 0 }
/^\[ RUN      \] / { test = $4; reason = "" }
/^skipped: / { reason = substr($0, 10) }
# cmocka names a test that was skipped or failed again below the counts, where no test runs any more.
/^\[  SKIPPED \] [A-Za-z_]/ { if (test == $4) { print "SKIP: " name ": " test (reason == "" ? "" : ": " reason); test = "" } }
/^\[  FAILED  \] [A-Za-z_]/ { if (test == $4) { print "FAIL: " name ": " test; test = "" } }
/^\[==========\] .* run\.$/ { test = "" }
/^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
/^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
/^\[  FAILED  \] [0-9]+ test/ { failed += $4; counted = 1 }
# The verdict stands alone between two rules, behind the time.
/^Test time = / { ended = NR }
NR == ended + 2 && ended && !/^Test Passed\.$/ {
  if (!counted) {
    print "FAIL: " name (test == "" ? "" : ": it ended in " test)
    failed++
  }
}
END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
