/// How fast an environment is shown: the steps a second that look like its own time.
namespace Rl.Core.Environments.Rendering

open System

/// Frames a second, one frame a step.
[<RequireQualifiedAccess>]
module FrameRate =

    /// For environments that say nothing else.
    let standard = 30.0

    let private byFamily =
        [
            "CartPole", 50.0
            "LunarLander", 50.0
            "BipedalWalker", 50.0
            "HalfCheetah", 20.0
            "Hopper", 125.0
            "Walker2d", 125.0
            "Ant", 20.0
            "Humanoid", 67.0
            "Swimmer", 25.0
            "ArmReach", 25.0
            "Quadrotor", 100.0
            "Reacher", 50.0
            "Pusher", 20.0
            "Terrain", 50.0
            "InvertedPendulum", 25.0
            "InvertedDoublePendulum", 20.0
            "MountainCar", 30.0
            "Pendulum", 30.0
            "Acrobot", 15.0
            "MinAtar", 10.0
            "PointReach", 10.0
            "BitFlipping", 4.0
            "FrozenLake", 4.0
            "CliffWalking", 4.0
            "Taxi", 4.0
            "Blackjack", 2.0
        ]

    /// That of an environment's family, Gymnasium's `render_fps` where it has one; else `standard`.
    let ofId (id: string) : float =
        byFamily
        |> List.tryFind (fun (family, _) -> id.StartsWith(family, StringComparison.Ordinal))
        |> Option.map snd
        |> Option.defaultValue standard
