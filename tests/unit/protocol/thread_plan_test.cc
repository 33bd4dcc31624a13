// Every thread has a number of its own.
#include "common/protocol/thread_plan.h"

#include <set>

#include <gtest/gtest.h>

namespace tunneld::protocol {
namespace {

TEST(ThreadPlan, EachThreadCountsForItself) {
  const ThreadPlan plan(3);
  std::set<std::size_t> numbers;
  for (std::size_t worker = 0; worker < plan.workers(); ++worker) {
    for (const DataThread& thread : {plan.outbound(worker), plan.inbound(worker)}) {
      EXPECT_EQ(thread.worker, worker);
      EXPECT_LT(thread.number, plan.data_threads());
      numbers.insert(thread.number);
    }
  }
  EXPECT_EQ(numbers.size(), plan.data_threads());
  EXPECT_FALSE(numbers.contains(plan.control()));
  EXPECT_EQ(plan.count(), plan.data_threads() + 1);
  EXPECT_LT(plan.control(), plan.count());
}

}  // namespace
}  // namespace tunneld::protocol
