/// Q(λ)-returns against their definitions, what masks and time limits do to them, and the rate of exploration.
module Rl.Tests.Algorithms.PqnTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

/// A rollout of random numbers; about a tenth of the steps terminate, a tenth are cut.
let private random steps copies hasMasks seed : Rollout =
    let count = steps * copies
    let mutable rng = Rng.create seed

    let draw () =
        let struct (value, next) = Rng.uniformIn -1.0 1.0 rng
        rng <- next
        value

    let numbers () = Array.init count (fun _ -> float32 (draw ()))
    let tenth () = Array.init count (fun _ -> draw () > 0.8)

    {
        Steps = steps
        Copies = copies
        Observations = [||]
        RawObservations = [||]
        Actions = Array.zeroCreate count
        LogProbabilities = Array.zeroCreate count
        Values = numbers ()
        NextValues = numbers ()
        Rewards = numbers ()
        Terminated = tenth ()
        Truncated = tenth ()
        EpisodeReturns = Array.create count nan
        EpisodeLengths = Array.zeroCreate count
        Masks = if hasMasks then Array.create (2 * count) true else [||]
        States = [||]
    }

/// The steps from one on, in its copy, to the end of its episode or of the rollout.
let private episode (rollout: Rollout) index =
    let all = [ index .. rollout.Copies .. rollout.Rewards.Length - 1 ]

    match all |> List.tryFindIndex (fun i -> rollout.Terminated[i] || rollout.Truncated[i]) with
    | Some last -> List.take (last + 1) all
    | None -> all

/// r₀ + … + γⁿ⁻¹ rₙ₋₁ + γⁿ maxₐ Q(sₙ, a) of the first n steps.
let private nStep (rollout: Rollout) discount n (steps: int list) =
    let taken = List.take n steps
    let earned = taken |> List.mapi (fun i index -> discount ** float i * float rollout.Rewards[index]) |> List.sum
    let last = List.last taken

    if rollout.Terminated[last] then
        earned
    else
        earned + discount ** float n * float rollout.NextValues[last]

[<Theory; InlineData(0.0); InlineData(0.6); InlineData(1.0)>]
let ``Q(lambda)-returns are the mixture of all n-step returns`` (lambda: float) =
    let discount = 0.9
    let rollout = random 12 3 false 5UL
    let { Returns = returns; Weights = weights } = Pqn.returns discount lambda rollout
    Assert.All(weights, (fun weight -> Assert.Equal(1.0f, weight)))

    for index in 0 .. returns.Length - 1 do
        let steps = episode rollout index
        let all = List.init steps.Length (fun n -> nStep rollout discount (n + 1) steps)
        let last = float (steps.Length - 1)
        let mixed = all |> List.take (steps.Length - 1) |> List.mapi (fun n g -> (1.0 - lambda) * lambda ** float n * g)
        Assert.Equal(List.sum mixed + lambda ** last * List.last all, float returns[index], 5)

[<Fact>]
let ``lambda 0 looks one step ahead, and lambda 1 to the end with a bootstrap there`` () =
    let rollout = random 9 2 false 8UL
    let first, whole = Pqn.returns 0.8 0.0 rollout, Pqn.returns 0.8 1.0 rollout

    for index in 0 .. rollout.Rewards.Length - 1 do
        let steps = episode rollout index
        Assert.Equal(nStep rollout 0.8 1 steps, float first.Returns[index], 5)
        Assert.Equal(nStep rollout 0.8 steps.Length steps, float whole.Returns[index], 5)

/// A chain 0 … 5 whose last state is terminal: right earns 1 at the end, left leads back and earns 0.1.
let private chainStep state action =
    if action = 1 then
        (if state = 4 then struct (1.0, 5) else struct (0.0, state + 1))
    else
        struct (0.1, max 0 (state - 1))

[<Fact>]
let ``greedy returns of the optimal values are these values, whatever lambda`` () =
    let discount = 0.7
    let mutable q = Array2D.zeroCreate 6 2
    let best (q: float[,]) state = if state = 5 then 0.0 else max q[state, 0] q[state, 1]

    for _ in 1..200 do
        q <-
            Array2D.init 6 2 (fun state action ->
                if state = 5 then
                    0.0
                else
                    let struct (reward, next) = chainStep state action
                    reward + discount * best q next)

    // Each copy begins elsewhere with either action, and then does what is best.
    let copies, length = 10, 8
    let mutable states = Array.init copies (fun copy -> copy / 2)
    let blank = random length copies false 1UL
    let wanted = Array.zeroCreate (length * copies)

    for t in 0 .. length - 1 do
        for copy in 0 .. copies - 1 do
            let index, state = t * copies + copy, states[copy]

            let action =
                if t = 0 then copy % 2
                elif q[state, 1] > q[state, 0] then 1
                else 0

            let struct (reward, next) = chainStep state action
            wanted[index] <- q[state, action]
            blank.Rewards[index] <- float32 reward
            blank.NextValues[index] <- float32 (best q next)
            blank.Terminated[index] <- next = 5
            // A time limit every third step: the copy goes on, and its value is that of the true last state.
            blank.Truncated[index] <- next <> 5 && t % 3 = 2
            states[copy] <- if next = 5 then 0 else next

    Assert.Contains(true, blank.Terminated)
    Assert.Contains(true, blank.Truncated)

    for lambda in [ 0.0; 0.3; 0.95; 1.0 ] do
        let returns = (Pqn.returns discount lambda blank).Returns

        for index in 0 .. wanted.Length - 1 do
            Assert.Equal(wanted[index], float returns[index], 5)

[<Fact>]
let ``with masks a step that was cut weighs nothing, and nothing flows out of it`` () =
    let open', masked = random 40 2 false 3UL, random 40 2 true 3UL
    let free = Pqn.returns 0.9 0.8 open'
    let bound = Pqn.returns 0.9 0.8 masked
    let isCut index = masked.Truncated[index] && not masked.Terminated[index]
    let ended index = masked.Truncated[index] || masked.Terminated[index]

    for index in 0 .. free.Returns.Length - 1 do
        Assert.Equal((if isCut index then 0.0f else 1.0f), bound.Weights[index])
        let next = index + masked.Copies

        if next < free.Returns.Length && isCut next && not (ended index) then
            // λ is cut one step earlier.
            Assert.Equal(masked.Rewards[index] + 0.9f * masked.NextValues[index], bound.Returns[index], 5)

    // Whatever is thought to be the value there, no return that weighs something changes.
    let other =
        { masked with
            NextValues = masked.NextValues |> Array.mapi (fun i value -> if isCut i then 50.0f else value)
        }

    let changed = Pqn.returns 0.9 0.8 other

    for index in 0 .. free.Returns.Length - 1 do
        if bound.Weights[index] = 1.0f then
            Assert.Equal(bound.Returns[index], changed.Returns[index])

[<Fact>]
let ``every hidden layer is normalised, of images and of vectors`` () =
    let blocks (space: Space) isNormalised =
        let options = { PqnOptions.defaults with LayerNormalisation = isNormalised; Network.Hidden = [ 8; 6 ] }
        let names = (Actor.layout (Pqn.network options space (Space.discrete 3))).Blocks |> Seq.map _.Name
        names |> Seq.filter (fun name -> name.EndsWith "normalisation/scale") |> List.ofSeq

    let vector, image = Space.unbounded [| 4 |], Space.boxOf 0.0 1.0 [| 2; 10; 10 |]
    Assert.Equal<string list>([ "actor/0/normalisation/scale"; "actor/1/normalisation/scale" ], blocks vector true)
    Assert.Equal(3, (blocks image true).Length)
    Assert.Contains("encoder/0/normalisation/scale", blocks image true)
    Assert.Empty(blocks vector false)
    Assert.Empty(blocks image false)

[<Fact>]
let ``actions that are no single choice are refused`` () =
    use workers = new Workers(1)

    let error =
        Assert.Throws<System.ArgumentException>(fun () -> LearnerLaws.make "pqn" [] "Pendulum-v1" 1 workers |> ignore)

    Assert.Contains("Discrete", error.Message)
