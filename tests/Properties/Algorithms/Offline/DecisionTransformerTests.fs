/// The decision transformer: what it learns from, that acting is what was learned, and that it does what it is asked
/// for.
module Rl.Tests.Algorithms.Offline.DecisionTransformerTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Tests.Algorithms
open Xunit

let private entry = Catalogue.entries |> List.find (fun entry -> entry.Id = "decision-transformer")

let private uniforms (count: int) (key: Rng) : float[] * Rng =
    let mutable key = key

    let values =
        Array.init count (fun _ ->
            let struct (value, next) = Rng.uniform key
            key <- next
            2.0 * value - 1.0)

    values, key

/// Episodes of these lengths with random numbers for everything; an action is one number.
let private episodes (actions: Space) (lengths: int list) : RecordedEpisode list =
    let mutable key = Rng.create 9UL

    let draw count =
        let values, next = uniforms count key
        key <- next
        values

    [
        for steps in lengths do
            {
                Observations = Array.map float32 (draw (2 * (steps + 1)))
                Actions =
                    let taken = Array.zeroCreate<float32> steps

                    for step in 0 .. steps - 1 do
                        key <- actions.Sample(key, Span(taken, step, 1))

                    taken
                Rewards = draw steps
                Terminated = false
                Truncated = true
            }
    ]

let private observed = Space.boxOf -1.0 1.0 [| 2 |]
let private choices = Space.Discrete(4, 3)

[<Fact>]
let ``a window holds the last steps of one episode, with what was still earned, and nothing before it`` () =
    let data = episodes choices [ 3; 7; 1; 5 ]
    let replay = RecordedReplay.ofEpisodes observed choices ActionMap.identity "the data" data
    let windows = ReturnWindows(observed, choices, 64, 4)
    let columns = windows.Columns
    let scale = 2.0f
    let none = RunningStatistics.create 0
    windows.Draw(replay, none, scale, Rng.create 4UL) |> ignore
    let samples = windows.Samples
    let of' (column: Column) sample = Array.sub samples[column] (sample * column.Numbers) column.Numbers
    let mutable full = 0

    for window in 0..63 do
        // The row of the window's last step says which episode it is.
        let struct (last, _) = samples.Place(3 * 64 + window)
        let starts = [ 0; 3; 10; 11 ]
        let index = starts |> List.findIndexBack (fun start -> start <= last)
        let episode, step = data[index], last - starts[index]
        if step >= 3 then full <- full + 1

        for place in 0..3 do
            let sample, at = place * 64 + window, step - 3 + place

            if at < 0 then
                for column in [ columns.Observations; columns.EncodedActions; columns.Returns; columns.Present ] do
                    Assert.All(of' column sample, (fun value -> Assert.Equal(0.0f, value)))
            else
                Assert.Equal(1.0f, (of' columns.Present sample)[0])
                Assert.Equal(float32 at, (of' columns.Steps sample)[0])
                Assert.Equal<float32[]>(Array.sub episode.Observations (2 * at) 2, of' columns.Observations sample)
                let choice = episode.Actions[at] - 3.0f
                Assert.Equal<float32[]>([| choice |], of' columns.Actions sample)
                let hot = Array.init 4 (fun index -> if float32 index = choice then 1.0f else 0.0f)
                Assert.Equal<float32[]>(hot, of' columns.EncodedActions sample)
                let still = Array.sum episode.Rewards[at..] / float scale
                Assert.Equal(still, float (of' columns.Returns sample).[0], 1e-6)

    Assert.InRange(full, 5, 60)

[<Fact>]
let ``the target is a quantile of the episodes' returns, and the scale their largest size`` () =
    let data =
        [ -4.0; 1.0; 3.0; 2.0; 0.5 ]
        |> List.map (fun total -> { (episodes choices [ 2 ]).Head with Rewards = [| total - 1.0; 1.0 |] })

    let replay = RecordedReplay.ofEpisodes observed choices ActionMap.identity "the data" data
    let returns = ReturnWindows(observed, choices, 1, 2).ReturnsToGo replay
    Assert.Equal<float32[]>([| -4.0f; 1.0f; 1.0f; 1.0f; 3.0f; 1.0f; 2.0f; 1.0f; 0.5f; 1.0f |], returns)
    Assert.Equal(3.0f, RecordedReturns.target 1.0 returns replay)
    Assert.Equal(1.0f, RecordedReturns.target 0.5 returns replay)
    Assert.Equal(-4.0f, RecordedReturns.target 0.0 returns replay)
    Assert.Equal(4.0f, RecordedReturns.scale returns)

let private learnerOf (actions: Space) options (data: RecordedEpisode list) (workers: Workers) : Learner =
    let learner = entry.Create (entry.Small @ options) (RecordedSpaces(observed, actions)) workers
    LearnerData.Give(Recordings.replayFor learner data, learner)

[<Theory; InlineData("ownStep", "normalised"); InlineData("lastStep", "saturated")>]
let ``who acts step by step does what the transformer says of the whole window``
    (positions: string)
    (embedding: string)
    =
    for actions in [ Space.boxOf -2.0 2.0 [| 1 |]; choices ] do
        use workers = new Workers(1)
        let options = [ "Positions", positions; "Embedding", embedding; "LongestEpisode", "6"; "Blocks", "2" ]
        use learner = learnerOf actions options (episodes actions [ 6; 9; 4 ]) workers
        let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 3UL)) 2
        let model = learner.Policy state
        let actor = model.Network
        let net, layout = actor.Transformer.Value, Actor.layout actor
        let parameters = Parameters.create layout (Expr.vector (Array.map float state.Parameters))
        let number name = float state.Parameters[layout[name].Offset]
        let predictor = Predictor(model, 2)
        let rewards, rest = uniforms 9 (Rng.create 8UL)
        let seen, _ = uniforms 20 rest
        let asked = 1.5
        predictor.Forget(0, asked)
        let taken = ResizeArray<float[]>()
        let mutable earned = 0.0

        let normalised step =
            let from = Array.map float32 seen[2 * step .. 2 * step + 1]
            let into = Array.zeroCreate<float32> 2
            Encoding.normalise model.Observations Encoding.Limit (ReadOnlySpan from) (Span into)
            Array.map float into

        let stillAt = ResizeArray<float>()

        for step in 0..9 do
            stillAt.Add((asked - earned) / number "returns/scale")
            let shown = Array.map float32 seen[2 * step .. 2 * step + 1]
            let action = Array.zeroCreate<float32> 2
            // The other row has an episode of its own.
            predictor.Predict(ReadOnlySpan(Array.append shown [| 0.3f; -0.2f |]), Span action)

            let window (row: int -> float[]) width =
                [|
                    for step in step - 3 .. step do
                        if step < 0 then yield! Array.zeroCreate<float> width else yield! row step
                |]

            let expr shape values = Expr.reshape shape (Expr.vector values)
            let before step = if step < taken.Count then taken[step] else Array.zeroCreate<float> net.Actions

            let steps =
                {
                    Returns = expr [| 1; 4 |] (window (fun step -> [| stillAt[step] |]) 1)
                    Observations = expr [| 1; 4; 2 |] (window normalised 2)
                    Actions = expr [| 1; 4; net.Actions |] (window before net.Actions)
                    Steps = expr [| 1; 4 |] (window (fun step -> [| float step |]) 1)
                    Present = expr [| 1; 4 |] (window (fun _ -> [| 1.0 |]) 1)
                }

            let features = EpisodeTransformer.apply net (fun _ x -> x) (Parameters.at "transformer" parameters) steps
            let last = Expr.slice 1 3 4 features |> Expr.squeeze 1
            let outputs = (Actor.onFeatures actor parameters last (Expr.number 0.0)).Policy
            let numbers = (Reference.evaluate outputs).ToArray()

            match actions with
            | Space.Discrete _ ->
                let best = Array.IndexOf(numbers, Array.max numbers)
                Assert.Equal(float32 (best + 3), action[0])
                taken.Add(Array.init 4 (fun index -> if index = best then 1.0 else 0.0))
            | _ ->
                Assert.Equal(2.0 * numbers[0], float action[0], 1e-4)
                taken.Add [| float action[0] / 2.0 |]

            if step < 9 then
                earned <- earned + rewards[step]
                predictor.Earn(0, rewards[step])

[<Fact>]
let ``what comes later, and what is not there, changes nothing`` () =
    use workers = new Workers(1)
    let actions = Space.boxOf -1.0 1.0 [| 1 |]
    use learner = learnerOf actions [ "Context", "5"; "Blocks", "2"; "Heads", "2" ] (episodes actions [ 6 ]) workers
    let state = learner.Initialise(Rng.create 1UL)
    let net, layout = learner.Network.Transformer.Value, Actor.layout learner.Network
    let theta = state.Parameters |> Array.map float
    let parameters = Parameters.create layout (Expr.vector theta) |> Parameters.at "transformer"
    let numbers, _ = uniforms 40 (Rng.create 2UL)

    let features (changed: float[]) =
        let part first count shape = Expr.reshape shape (Expr.vector changed[first .. first + count - 1])

        EpisodeTransformer.apply net (fun _ x -> x) parameters
        <| {
               Returns = part 0 5 [| 1; 5 |]
               Observations = part 5 10 [| 1; 5; 2 |]
               Actions = part 15 5 [| 1; 5; 1 |]
               Steps = Expr.reshape [| 1; 5 |] (Expr.vector [ 0.0; 0.0; 0.0; 1.0; 2.0 ])
               Present = Expr.reshape [| 1; 5 |] (Expr.vector [ 0.0; 0.0; 1.0; 1.0; 1.0 ])
           }
        |> Reference.evaluate
        |> _.ToArray()

    let known = features numbers

    let differs index =
        let changed = Array.copy numbers
        changed[index] <- changed[index] + 0.5
        let other = features changed
        let at place (all: float[]) = Array.sub all (place * net.Width) net.Width
        [ for place in 2..4 -> at place other <> at place known ]

    for place in 0..4 do
        let sees = [ for later in 2..4 -> place >= 2 && later >= place ]
        Assert.Equal<bool list>(sees, differs place)
        Assert.Equal<bool list>(sees, differs (5 + 2 * place))
        // An action follows from what was seen, and shows from the next step on.
        let after = [ for later in 2..4 -> place >= 2 && later > place ]
        Assert.Equal<bool list>(after, differs (15 + place))

/// Four steps in which an action earns its own size: behaviours of all kinds, each steady.
let private earnings: RecordedEpisode list =
    [
        for index in 0..40 do
            let action = -1.0 + float index / 20.0

            {
                Observations = Array.create 10 0.5f
                Actions = Array.create 4 (float32 action)
                Rewards = Array.create 4 action
                Terminated = false
                Truncated = true
            }
    ]

[<Fact>]
let ``it earns what it is asked for, and else what the best of the data did`` () =
    use workers = new Workers(2)

    let options =
        [
            "TotalSteps", "1500"
            "RoundSteps", "1500"
            "BatchSize", "32"
            "Width", "16"
            "Dropout", "0"
            "LearningRate", "warmup(10%, cosine(1e-3, 1e-4))"
        ]

    use learner = learnerOf (Space.boxOf -1.0 1.0 [| 1 |]) options earnings workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 1
    let predictor = Predictor(learner.Policy state, 1)

    let play () =
        let mutable total = 0.0

        for _ in 1..4 do
            let action = Array.zeroCreate<float32> 1
            predictor.Predict(ReadOnlySpan [| 0.5f; 0.5f |], Span action)
            total <- total + float action[0]
            predictor.Earn(0, float action[0])

        total

    predictor.Forget()
    Assert.InRange(play (), 3.5, 4.0)

    for asked in [ -3.0; -1.0; 0.0; 2.0 ] do
        predictor.Forget(0, asked)
        let total = play ()
        Assert.True(abs (total - asked) < 0.5, $"asked for {asked}, it earned {total}")

[<Fact>]
let ``policies that are asked for no return say so`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "filtered-bc" [] "Pendulum-v1" 1 workers
    let predictor = Predictor(learner.Policy(learner.Initialise(Rng.create 1UL)), 1)
    Assert.False predictor.AsksForReturn
    predictor.Earn(0, 1.0)
    let refused = Assert.Throws<ArgumentException>(fun () -> predictor.Forget(0, 5.0))
    Assert.Contains("decision-transformer alone", refused.Message)
    use own = learnerOf choices [] (episodes choices [ 3 ]) workers
    let predictor = Predictor(own.Policy(own.Initialise(Rng.create 1UL)), 1)
    Assert.True predictor.AsksForReturn
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> predictor.Forget(0, nan)) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> predictor.Earn(0, infinity)) |> ignore
    let three () = learnerOf choices [ "Heads", "3" ] (episodes choices [ 3 ]) workers |> ignore
    let heads = Assert.Throws<ArgumentException>(three)
    Assert.Contains("must divide Width", heads.Message)
