/// What learners from replayed steps refuse: options that do not go together, actions that they cannot have, memories
/// that are too small or too large.
module Rl.Tests.Algorithms.OffPolicy.RefusalTests

open System
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Tests.Algorithms
open Xunit

[<Fact>]
let ``returns of one step, and those of SAC's choices, are not mixed`` () =
    use workers = new Workers(1)

    let refused algorithm steps =
        let changes = [ "ReturnLambda", "0.5"; "ReturnSteps", steps ]

        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                LearnerLaws.make algorithm changes "CartPole-v1" 2 workers |> ignore)

        Assert.Equal("ReturnLambda", error.ParamName)
        Assert.Contains("ReturnLambda is 0.5", error.Message)

    refused "dqn" "1"
    refused "sac" "3"

[<Theory; InlineData("BatchSize", "500", "BufferSize"); InlineData("GradientSteps", "0", "-1")>]
let ``options that do not go together are refused`` (name: string) (value: string) (word: string) =
    use workers = new Workers(1)

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            LearnerLaws.make "dqn" [ name, value ] "CartPole-v1" 1 workers |> ignore)

    Assert.Equal(name, error.ParamName)
    Assert.Contains(word, error.Message)

[<Fact>]
let ``rainbow without noise is refused`` () =
    use workers = new Workers(1)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "rainbow" [ "NoisyNetworks", "off" ] "CartPole-v1" 1 workers |> ignore)

    Assert.Equal("NoisyNetworks", error.ParamName)
    Assert.Contains("c51", error.Message)

[<Fact>]
let ``atoms from a return that is not below the highest are refused`` () =
    use workers = new Workers(1)

    for lowest, highest in [ "5", "5"; "5", "-5" ] do
        let changes = [ "LowestReturn", lowest; "HighestReturn", highest ]

        let error =
            Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make "c51" changes "CartPole-v1" 1 workers |> ignore)

        Assert.Equal("LowestReturn", error.ParamName)
        Assert.Contains("HighestReturn", error.Message)

[<Fact>]
let ``FQF refuses noise that its second network would not have`` () =
    let noisy = { FqfOptions.defaults with Values.NoisyNetworks = NoisyNetworks.Factorised }
    let error = Assert.Throws<ArgumentException>(fun () -> FqfOptions.validate noisy)
    Assert.Equal("NoisyNetworks", error.ParamName)
    Assert.Contains("iqn", error.Message)

[<Theory>]
[<InlineData("dqn");
  InlineData("c51");
  InlineData("qrdqn");
  InlineData("iqn");
  InlineData("fqf");
  InlineData("rainbow");
  InlineData("r2d2")>]
let ``actions that it cannot have are refused with those that can`` (id: string) =
    use workers = new Workers(1)
    let error = Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make id [] "Pendulum-v1" 1 workers |> ignore)
    Assert.Contains("Discrete", error.Message)
    Assert.Contains(id, error.Message)
    Assert.Contains("ppo", error.Message)

[<Fact>]
let ``several choices at once are DQN's alone, without Munchausen's bonus`` () =
    use workers = new Workers(1)
    let task = "IdentityMultiDiscrete-v0"

    for id in [ "c51"; "qrdqn"; "iqn"; "fqf"; "rainbow"; "r2d2" ] do
        let error = Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make id [] task 1 workers |> ignore)
        Assert.Contains("dqn takes several choices", error.Message)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "dqn" [ "Target", "munchausen" ] task 1 workers |> ignore)

    Assert.Equal("Target", error.ParamName)
    Assert.Contains("double", error.Message)

[<Fact>]
let ``a network without a memory, and a memory that holds no sequence, are refused`` () =
    use workers = new Workers(1)

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            LearnerLaws.make "r2d2" [ "Recurrence", "none" ] "CartPole-v1" 4 workers |> ignore)

    Assert.Equal("Recurrence", error.ParamName)
    Assert.Contains("gru", error.Message)
    let options = [ "BufferSize", "28"; "BurnIn", "3"; "SequenceLength", "5" ]

    let error =
        Assert.Throws<ArgumentException>(fun () -> LearnerLaws.make "r2d2" options "CartPole-v1" 4 workers |> ignore)

    Assert.Equal("BufferSize", error.ParamName)
    Assert.Contains("greater than 28", error.Message)

[<Fact>]
let ``a memory that does not fit is refused with the size that does`` () =
    let plan = ReplayPlan.plain [ Column.step "x" 5 ]
    let needed = Replay.bytes plan 1 1_000_000
    Assert.InRange(needed, 28L * 1_000_000L, 29L * 1_000_000L)
    // A large one lies in arrays of a sixteenth, of which the oldest and the newest may be filled in part.
    Assert.InRange(Replay.bytes plan 1 10_000_000, 280L * 1_000_000L, 316L * 1_000_000L)
    Replayed.requireMemory plan 1 2_000_000 1_000_000 needed

    let error =
        Assert.Throws<ArgumentException>(fun () -> Replayed.requireMemory plan 1 2_000_000 1_000_000 (needed / 4L))

    Assert.Equal("BufferSize", error.ParamName)
    Assert.Contains("at most 250000", error.Message)
    Assert.Contains("29 MB", error.Message)
