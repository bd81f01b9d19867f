/// Tasks whose actions are numbers far from [-1, 1].
namespace Rl.Tests.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Environments

/// The number that is shown, and the steps taken.
[<Struct>]
type ReachState = { Target: float32; Count: int }

/// Shows a number u in [-1, 1] and wants the number that lies as far in [low, high]. Reward: minus the squared
/// distance, in half-ranges.
type Reach(low: float, high: float) =
    interface IEnvironment<ReachState> with
        member _.Id = "Reach-v0"
        member _.ObservationSpace = Space.boxOf -1.0 1.0 [| 1 |]
        member _.ActionSpace = Space.boxOf low high [| 1 |]
        member _.MaxEpisodeSteps = 8
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (u, rng) = Rng.uniform rng
            struct ({ Target = float32 (2.0 * u - 1.0); Count = 0 }, rng)

        member _.Step(state, action, rng) =
            let half = (high - low) / 2.0
            let distance = (float action[0] - low) / half - 1.0 - float state.Target
            let struct (u, rng) = Rng.uniform rng
            let next = { Target = float32 (2.0 * u - 1.0); Count = state.Count + 1 }
            struct (next, { Reward = -distance * distance; Terminated = false; Truncated = next.Count >= 8 }, rng)

        member _.Observe(state, observation) = observation[0] <- state.Target

/// Height, tilt, their speeds, and the steps taken.
[<Struct>]
type HoverState = { Height: float; Climb: float; Tilt: float; Turn: float; Flown: int }

/// A beam with a thruster at each end, thrusts in [0, 12], is to stay level at height 0; it needs 4.9 of each. Reward:
/// 1 a step less distance and tilt, squared.
type Hover() =
    interface IEnvironment<HoverState> with
        member _.Id = "Hover-v0"
        member _.ObservationSpace = Space.unbounded [| 4 |]
        member _.ActionSpace = Space.boxOf 0.0 12.0 [| 2 |]
        member _.MaxEpisodeSteps = 100
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (u, rng) = Rng.uniform rng
            let struct (v, rng) = Rng.uniform rng
            struct ({ Height = u - 0.5; Climb = 0.0; Tilt = 0.2 * (v - 0.5); Turn = 0.0; Flown = 0 }, rng)

        member _.Step(state, action, rng) =
            let left, right = float action[0], float action[1]
            let climb = state.Climb + 0.05 * ((left + right) * Math.Cos state.Tilt - 9.81)
            let turn = state.Turn + 0.05 * (right - left)

            let next =
                {
                    Height = state.Height + 0.05 * climb
                    Climb = climb
                    Tilt = state.Tilt + 0.05 * turn
                    Turn = turn
                    Flown = state.Flown + 1
                }

            let isLost = abs next.Height > 2.0 || abs next.Tilt > 1.0

            let outcome =
                {
                    Reward = 1.0 - 0.25 * next.Height * next.Height - next.Tilt * next.Tilt
                    Terminated = isLost
                    Truncated = not isLost && next.Flown >= 100
                }

            struct (next, outcome, rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.Height
            observation[1] <- float32 state.Climb
            observation[2] <- float32 state.Tilt
            observation[3] <- float32 state.Turn

/// What is in stock, and the days so far.
[<Struct>]
type StockState = { Stock: float; Day: int }

/// Each day a quantity in [0, 200] is ordered from one of two suppliers: one sells at 4, the other at 3 and delivers
/// the half. Demand is between 50 and 150 at a price of 10; what stays costs 0.5. Rewards are in hundreds.
type Inventory() =
    interface IEnvironment<StockState> with
        member _.Id = "Inventory-v0"
        member _.ObservationSpace = Space.boxOf 0.0 40.0 [| 1 |]

        member _.ActionSpace = Space.dict [ "quantity", Space.boxOf 0.0 200.0 [| 1 |]; "supplier", Space.discrete 2 ]

        member _.MaxEpisodeSteps = 20
        member _.RewardThreshold = nan
        member _.Reset(rng) = struct ({ Stock = 0.0; Day = 0 }, rng)

        member _.Step(state, action, rng) =
            let quantity, isCheap = float action[0], action[1] = 1.0f
            let struct (u, rng) = Rng.uniform rng
            let offered = state.Stock + (if isCheap then 0.5 * quantity else quantity)
            let sold = min offered (50.0 + 100.0 * u)
            let left = offered - sold
            let profit = 10.0 * sold - (if isCheap then 3.0 else 4.0) * quantity - 0.5 * left
            let next = { Stock = left; Day = state.Day + 1 }
            struct (next, { Reward = profit / 100.0; Terminated = false; Truncated = next.Day >= 20 }, rng)

        member _.Observe(state, observation) = observation[0] <- float32 (state.Stock / 100.0)
