/// The loop of the lecture's slide 7 through the core: steps are values, and what is seen after each of them is a
/// picture.
module CollectLoopFSharp

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Rendering

let private environmentId = "LunarLander-v3"

[<EntryPoint>]
let main arguments =
    let steps = if Array.contains "--quick" arguments then 100 else 1_000
    let environment = (Registry.make environmentId).Vectorise 1
    let result = environment.AllocateBuffers()
    let action = Array.zeroCreate<float32> environment.ActionSize
    let mutable key = Rng.create 42UL
    let mutable total = 0.0f
    use animation = new AnimationWriter("artifacts/collect-loop-fsharp.gif", environment.FramesPerSecond)
    environment.Reset(Rng.create 42UL)

    for _ in 1..steps do
        environment.Render 0 |> ValueOption.iter (fun scene -> animation.Add(scene.ToScene()))
        key <- environment.ActionSpace.Sample(key, Span action) // your policy here
        environment.StepAll(ReadOnlySpan action, result) // starts the next episode where one ends
        total <- total + result.Rewards.Span[0]

    printfn $"{steps} transitions, total reward {total}, artifacts/collect-loop-fsharp.gif"
    0
