/// An environment outside the library: `Plugin.Register` and `rl --plugin` find it by its interface.
namespace Rl.Samples

open System
open System.ComponentModel
open Rl

/// A room that loses heat to the outside. The action heats it; the reward is minus the distance from 20 °C. The outside
/// temperature differs from episode to episode.
[<DisplayName("Thermostat-v0"); Description("Keep a room at 20 °C whatever the weather.")>]
type Thermostat() =
    let observations = Space.Unbounded(2) :> Space
    let actions = Space.Box(-1.0f, 1.0f, 1) :> Space
    let mutable room = 0.0f
    let mutable outside = 0.0f

    let observation () = ReadOnlyMemory<float32>([| (room - 20.0f) / 10.0f; (outside - 20.0f) / 10.0f |])

    interface IEnvironment with
        member _.Name = "Thermostat-v0"
        member _.ObservationSpace = observations
        member _.ActionSpace = actions
        member _.MaxEpisodeSteps = 50
        member _.RewardThreshold = -60.0

        member _.Reset(seed: uint64) =
            let random = Random(int (seed % 2147483647UL))
            room <- 15.0f
            outside <- float32 (random.NextDouble() * 20.0 - 5.0)
            observation ()

        member _.Step(action: ReadOnlySpan<float32>) =
            let heat = 4.0f * Math.Clamp(action[0], -1.0f, 1.0f)
            room <- room + heat + 0.1f * (outside - room)
            StepResult(observation (), -float(abs (room - 20.0f)), false)
