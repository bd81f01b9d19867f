/// What acts can be given other parameters, and targets that are copies of it follow.
namespace Rl.Tests.Training

open System
open FsCheck.FSharp
open Rl.Core.Learning
open Rl.Core.Training
open Xunit

module ReplaceActorTests =

    let private state =
        let (AnyCheckpoint checkpoint) = Generate.checkpoint |> Gen.sampleWithSeed (FsCheck.Rnd 7UL) 30 1 |> Array.head

        { checkpoint.State with
            Parameters = [| 1f; 2f; 3f; 4f; 5f |]
            Arrays =
                [
                    "target", [| 1f; 2f; 3f; 4f; 5f |]
                    "actorTarget", [| 1f; 2f; 3f |]
                    "moments", [| 0f; 0f; 0f; 0f; 0f |]
                    "short", [| 1f; 2f |]
                    "moved", [| 1f; 2f; 3.5f; 4f; 5f |]
                ]
        }

    [<Fact>]
    let ``the first parameters are replaced, and those of arrays that begin with the same ones`` () =
        let next = TrainingState.replaceActor [| 7f; 8f; 9f |] state
        Assert.Equal<float32>([| 7f; 8f; 9f; 4f; 5f |], next.Parameters)
        Assert.Equal<float32>([| 7f; 8f; 9f; 4f; 5f |], next.Array "target")
        Assert.Equal<float32>([| 7f; 8f; 9f |], next.Array "actorTarget")

        for name in [ "moments"; "short"; "moved" ] do
            Assert.Equal<float32>(state.Array name, next.Array name)

        Assert.Equal<string>(List.map fst state.Arrays, List.map fst next.Arrays)
        // The former state is a value: nothing of it changes.
        Assert.Equal<float32>([| 1f; 2f; 3f; 4f; 5f |], state.Parameters)
        Assert.Equal<float32>([| 1f; 2f; 3f; 4f; 5f |], state.Array "target")

    [<Fact>]
    let ``more parameters than there are, and none, are refused`` () =
        let refused values =
            Assert.ThrowsAny<ArgumentException>(fun () -> TrainingState.replaceActor values state |> ignore).Message

        Assert.Contains("0 parameters", refused [||])
        Assert.Contains("6 parameters", refused (Array.zeroCreate 6))
        Assert.Equal(5, (TrainingState.replaceActor (Array.zeroCreate 5) state).Parameters.Length)
