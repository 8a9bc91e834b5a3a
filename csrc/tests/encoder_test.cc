#include "csrc/encoder.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "csrc/tests/games.h"
#include "csrc/tests/harness.h"

namespace tesuji {
namespace {

std::vector<float> Encode(const Encoder& encoder,
                          const std::vector<const State*>& recent) {
  std::vector<float> out(encoder.size(), -7.0f);  // its end is watched
  encoder.encode(recent, recent.back()->CurrentPlayer(), out);
  return out;
}

TEST(EncodersAreFoundByName) {
  const std::vector<std::string> names = EncoderNames();
  for (const char* name : {"observation", "observation_pair",
                           "information_state", "connect_four"}) {
    Expect(std::ranges::find(names, name) != names.end());
  }
  ExpectEqual(DefaultEncoderName(*Load("connect_four")), "observation");
  ExpectEqual(DefaultEncoderName(*Load("kuhn_poker")), "information_state");
  ExpectEqual(DefaultEncoderName(*Load("hanabi")), "observation");
  ExpectThrow<Error>("no observation or information-state tensor",
                     [] { DefaultEncoderName(*Load("coin_game")); });
  ExpectThrow<Error>("unknown", [] { MakeEncoder("x", *Load("pig")); });
  ExpectThrow<Error>("6x7", [] { MakeEncoder("connect_four", *Load("pig")); });
  ExpectThrow<Error>("no information-state tensor", [] {
    MakeEncoder("information_state", *Load("backgammon"));
  });
}

TEST(ObservationsAreOpenSpiels) {
  for (const char* name : {"tic_tac_toe", "connect_four", "backgammon", "go"}) {
    const GamePtr game = Load(name);
    const EncoderPtr encoder = MakeEncoder("auto", *game);
    ExpectEqual(encoder->shape(), game->ObservationTensorShape());
    const StatePtr state = RandomState(*game, 6, 1);
    ExpectEqual(Encode(*encoder, {state.get()}),
                state->ObservationTensor(state->CurrentPlayer()));
  }
}

TEST(APairIsThisObservationAndTheLast) {
  const GamePtr game = Load("tic_tac_toe");
  const EncoderPtr pair = MakeEncoder("observation_pair", *game);
  const StatePtr before = Played(*game, {4});
  const StatePtr state = Played(*game, {4, 2});
  std::vector<float> expected = state->ObservationTensor(0);
  const std::vector<float> earlier = before->ObservationTensor(0);
  expected.insert(expected.end(), earlier.begin(), earlier.end());
  ExpectEqual(Encode(*pair, {before.get(), state.get()}), expected);
  std::fill_n(expected.begin() + earlier.size(), earlier.size(), 0.0f);
  ExpectEqual(Encode(*pair, {state.get()}), expected);
}

TEST(TheSeatComesBehindTheTensor) {
  const GamePtr board = Load("tic_tac_toe");
  const EncoderPtr planes = MakeEncoder("seated", *board);
  ExpectEqual(planes->shape(), std::vector<int>{5, 3, 3});
  const StatePtr state = Played(*board, {4});  // seat 1 moves
  std::vector<float> expected = state->ObservationTensor(1);
  expected.resize(5 * 9, 0.0f);
  std::fill(expected.end() - 9, expected.end(), 1.0f);
  ExpectEqual(Encode(*planes, {state.get()}), expected);
  const GamePtr cards = Load("kuhn_poker");
  const EncoderPtr numbers = MakeEncoder("seated", *cards);
  ExpectEqual(numbers->shape(), std::vector<int>{13});
  const StatePtr dealt = Played(*cards, {2, 1});  // seat 0 moves
  expected = dealt->InformationStateTensor(0);
  expected.insert(expected.end(), {1.0f, 0.0f});
  ExpectEqual(Encode(*numbers, {dealt.get()}), expected);
}

TEST(ConnectFourIsSeenFromTheMover) {
  const GamePtr game = Load("connect_four");
  const EncoderPtr encoder = MakeEncoder("connect_four", *game);
  const std::vector<float> planes =
      Encode(*encoder, {Played(*game, {3, 3, 0}).get()});
  std::vector<float> expected(2 * 6 * 7, 0.0f);
  expected[7 + 3] = 1.0f;                      // own: second row
  expected[42 + 3] = expected[42 + 0] = 1.0f;  // the opponent's
  ExpectEqual(planes, expected);
}

TEST(OneEncoderServesAllThreads) {
  const GamePtr game = Load("connect_four");
  for (const char* name : {"connect_four", "observation_pair"}) {
    const EncoderPtr encoder = MakeEncoder(name, *game);
    const StatePtr state = RandomState(*game, 9, 2);
    const std::vector<float> expected = Encode(*encoder, {state.get()});
    std::vector<std::vector<float>> found(4);
    std::vector<std::thread> threads;
    for (std::vector<float>& out : found) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) out = Encode(*encoder, {state.get()});
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::vector<float>& out : found) ExpectEqual(out, expected);
  }
}

}  // namespace
}  // namespace tesuji
