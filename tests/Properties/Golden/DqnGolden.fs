/// Deep Q-learning against other libraries: updates at float64, the order of steps and updates, schedules and noise.
module Rl.Tests.Golden.DqnGolden

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

/// How the cases of an algorithm are run.
type internal ValueUpdates =
    {
        /// The file's name of the network.
        Network: string
        /// The plan of an update of so many rows, as the library trains with it.
        Plan: GoldenNode -> int -> UpdatePlan * TransitionColumns
        /// From the place of an output in the layout's last layer to its place in the file's.
        Output: int -> int
        /// A copy of the network that comes before a step comes before its targets.
        CopiesFirst: bool
        /// The file's name of the errors that priorities follow, where they are ours.
        Errors: string option
        /// Further columns of a case's step, or others in place of those that all have.
        Columns: GoldenNode -> GoldenNode -> Map<string, Tensor> -> Map<string, Tensor>
    }

/// None further.
let internal noColumns (_: GoldenNode) (_: GoldenNode) (data: Map<string, Tensor>) = data

/// The weights of the file's order as the layout's: the file has matrices [out, in], the layout [in, out].
let internal toLayout output (order: string list) (weights: GoldenNode) (flat: float[]) : float[] =
    let last = order |> List.filter (fun name -> name.EndsWith ".bias") |> List.last
    let placeIn (name: string) = if name = last || name = last.Replace(".bias", ".weight") then output else id

    let sizes = order |> List.map (fun name -> Shape.count (weights.Shape name))

    List.zip3 order (List.scan (+) 0 sizes |> List.take order.Length) sizes
    |> List.map (fun (name, start, size) ->
        match weights.Shape name with
        | [| outputs; inputs |] ->
            Array.init size (fun i -> flat[start + placeIn name (i % outputs) * inputs + i / outputs])
        | _ -> Array.init size (fun i -> flat[start + placeIn name i]))
    |> Array.concat

/// Columns of transitions with observations of so many numbers and actions that are one choice.
let internal columnsOf (inputs: int) : TransitionColumns =
    {
        Observations = Column.step "observations" inputs
        Actions = Column.step "actions" 1
        Rewards = Column.number "rewards"
        Continues = Column.number "continues"
        NextObservations = Column.step "nextObservations" inputs
        Ends = Column.number "ends"
    }

/// The plan of an update with the file's hidden layers, as the library trains with it.
let private planOf (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let settings = case["params"]
    let weights = case["initial_weights"]
    let inputs = (weights.Shape "q.0.weight")[1]
    let hidden = settings.Ints "hidden" |> Array.toList
    let actions = (weights.Shape $"q.{hidden.Length}.bias")[0]
    let isHuber = case.Text("implementation").StartsWith "stable"

    let options =
        { DqnOptions.defaults with
            Values.OffPolicy.BatchSize = rows
            Values.OffPolicy.Discount = settings.Float "gamma"
            Values.Network.Hidden = hidden
            Values.AdamEpsilon = settings.Float "adam_eps"
            Target =
                if settings["double"].AsFloat = 1.0 then
                    ValueTarget.Double
                else
                    ValueTarget.Maximum
            Loss = if isHuber then ValueError.Huber else ValueError.Squared
            Values.MaxGradientNorm = if settings.Has "max_grad_norm" then settings.Float "max_grad_norm" else 0.0
        }

    let columns = columnsOf inputs
    let network = Dqn.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)

    Dqn.plan options network columns None, columns

/// What one update needs: the rows of its batch by column, from the case and the step.
let internal batchOf (case: GoldenNode) (columns: TransitionColumns) (step: GoldenNode) : (string * float[]) list =
    let settings, batch = case["params"], step["batch"]

    if case.Has "buffer" then
        // tianshou: a ring with one copy; the row after the newest is the next to be written.
        let buffer = case["buffer"]
        let size = (buffer.Floats "actions").Length
        let newest = (int (buffer.Float "added") - 1) % size
        let indices = batch.Ints "indices"
        let terminated, truncated = buffer.Floats "terminated", buffer.Floats "truncated"
        let rewards = buffer.Floats "rewards"
        let gamma, steps = settings.Float "gamma", settings.Int "n_step"
        let ends index = terminated[index] = 1.0 || truncated[index] = 1.0 || index = newest

        let window index =
            Seq.unfold (fun at -> if at < 0 then None else Some(at, (if ends at then -1 else (at + 1) % size))) index
            |> Seq.truncate steps
            |> Seq.toArray

        let windows = indices |> Array.map window

        let rowsOf (name: string) (rows: int[]) =
            let width = (buffer.Shape name)[1]
            rows |> Array.collect (fun row -> Array.sub (buffer.Floats name) (row * width) width)

        [
            columns.Observations.Name, rowsOf "observations" indices
            columns.Actions.Name, indices |> Array.map (fun row -> (buffer.Floats "actions")[row])
            columns.NextObservations.Name, rowsOf "next_observations" (windows |> Array.map Array.last)
            columns.Rewards.Name,
            windows |> Array.map (fun rows -> MultiStep.total gamma rows.Length (fun i -> rewards[rows[i]]))
            DrawnColumns.discounts.Name,
            windows
            |> Array.map (fun rows ->
                if terminated[Array.last rows] = 1.0 then
                    0.0
                else
                    Math.Pow(gamma, float rows.Length))
            DrawnColumns.weights.Name,
            (if step["batch"].Has "importance_weights" then
                 step["batch"].Floats "importance_weights"
             elif step.Has "importance_weights" then
                 step.Floats "importance_weights"
             else
                 Array.create indices.Length 1.0)
        ]
    else
        let terminated = batch.Floats "terminated"

        let discounts =
            if batch.Has "discounts" then
                batch.Floats "discounts"
            else
                Array.create terminated.Length (settings.Float "gamma")

        [
            columns.Observations.Name, batch.Floats "observations"
            columns.Actions.Name, batch.Floats "actions"
            columns.NextObservations.Name, batch.Floats "next_observations"
            columns.Rewards.Name, batch.Floats "rewards"
            DrawnColumns.discounts.Name, Array.map2 (fun d t -> d * (1.0 - t)) discounts terminated
            DrawnColumns.weights.Name, Array.create terminated.Length 1.0
        ]

let private follow rate (online: float[]) (target: float[]) =
    Array.map2 (fun q t -> numbers (OffPolicy.polyak rate (Expr.number t) (Expr.number q)) |> Array.head) online target

/// The columns of a batch of so many rows, in their shapes.
let internal tensorsOf rows (batch: (string * float[]) list) : Map<string, Tensor> =
    batch
    |> List.map (fun (name, values) ->
        let shape =
            match name with
            | "observations"
            | "nextObservations" -> [| rows; values.Length / rows |]
            | "actions" -> [| rows; 1 |]
            | _ -> [| rows |]

        name, Tensor.create shape values)
    |> Map.ofList

/// Runs an update: struct (its outputs by name, the groups that learn after it, the optimisers' variables after it).
/// Variables that are not given are 0.
let internal run
    (plan: UpdatePlan)
    (inputs: Map<string, Tensor>)
    (online: float[])
    (target: float[])
    (moments: Map<string, Tensor>)
    =
    let update = Update.create plan
    let theta = Tensor.vector (Array.append online target)
    let places, news = List.unzip update.Source.Carried
    let inputsOf place = Graph.topological [ place ] |> Array.toList

    let zero (name: string) =
        // Adam's count of updates is one number, its moments are vectors.
        places
        |> List.collect inputsOf
        |> List.pick (fun node ->
            match node.Operation with
            | Input known when known = name ->
                Some(Tensor.create node.Shape (Array.zeroCreate (Shape.count node.Shape)))
            | _ -> None)

    let value (name: string) =
        if name = "theta" then
            theta
        else
            inputs.TryFind name
            |> Option.orElse (moments.TryFind name)
            |> Option.defaultWith (fun () -> zero name)

    let outputs = update.Source.Outputs
    let values = Reference.evaluateMany value ((outputs |> List.map snd) @ news |> List.toArray)
    let output name = values[outputs |> List.findIndex (fun (known, _) -> known = name)]

    let nameOf place =
        inputsOf place
        |> List.pick (fun node ->
            match node.Operation with
            | Input name -> Some name
            | _ -> None)

    let carried = List.zip (List.map nameOf places) (List.ofArray values[outputs.Length ..])
    // Groups that do not depend on each other are carried one by one.
    let thetas, kept = carried |> List.partition (fun (name, _) -> name = "theta")
    let moved = thetas |> List.map (fun (_, value) -> value.ToArray()) |> Array.concat
    struct (output, moved, List.fold (fun known (name, value) -> Map.add name value known) moments kept)

/// A case's updates: losses, norms, errors and weights.
let internal updates (kind: ValueUpdates) (case: GoldenNode) : unit =
    let order = texts case["flat_order"].[kind.Network]
    let weights, settings = case["initial_weights"], case["params"]
    let layout flat = toLayout kind.Output order weights flat
    let close what expected actual = Golden.close 1e-9 1e-9 case what expected actual
    let mutable online = layout (concatenated order weights)
    let targetName = $"target_{kind.Network}"
    let hasTarget = case["flat_order"].Has targetName

    let mutable target =
        if hasTarget then
            let names = texts case["flat_order"].[targetName]
            toLayout kind.Output names weights (concatenated names weights)
        else
            online

    let mutable moments: Map<string, Tensor> = Map.empty
    let mutable number = 0

    for step in case["steps"].Items do
        let rows =
            if case.Has "buffer" then
                (step["batch"].Ints "indices").Length
            else
                (step["batch"].Floats "terminated").Length

        let plan, columns = kind.Plan case rows
        let copiesBefore = step.Has "target_updated_before_step" && step.Flag "target_updated_before_step"
        if not hasTarget || kind.CopiesFirst && copiesBefore then target <- online

        let data =
            tensorsOf rows (batchOf case columns step)
            |> Map.add "learningRate" (Tensor.create [||] [| settings.Float "lr" |])
            |> kind.Columns case step

        let struct (output, moved, kept) = run plan data online target moments
        close "loss" [| step.Float "loss" |] [| (output "valueLoss").Scalar |]

        if step.Has "gradient_norm_before_clip" then
            close "norm" [| step.Float "gradient_norm_before_clip" |] [| (output "gradientNorm").Scalar |]

        match kind.Errors with
        | Some name when step.Has name -> close name (step.Floats name) ((output "errors").ToArray())
        | _ -> ()

        // tianshou copies before the gradient step; of most algorithms it has computed the targets before that.
        if copiesBefore then target <- online
        online <- moved
        moments <- kept
        let rate = if settings.Has "tau" then settings.Float "tau" else 1.0

        if settings.Has "target_update" && (settings.Text "target_update").StartsWith "polyak" then
            target <- follow rate online target

        if step.Has "target_updated" && step.Flag "target_updated" then
            target <- follow rate online target

        let after = step["weights_after"]

        close $"weights after {number}" (layout (after.Floats kind.Network)) online

        if after.Has targetName then
            close $"target after {number}" (layout (after.Floats targetName)) target

        number <- number + 1

[<Fact>]
let ``updates of deep Q-learning have three libraries' losses, norms and weights`` () =
    // Parallelised Q-networks (PQN) are another algorithm, without replay and target: `PqnGolden` runs their cases. The
    // Huber loss of tianshou-dqn-s3 has δ = ½ and leaves the importance weights out; ours has δ = 1 and heeds them.
    let isOurs (case: GoldenNode) = not (case.Id.StartsWith "cleanrl-pqn") && case.Id <> "tianshou-dqn-s3"

    let kind =
        {
            Network = "q"
            Plan = planOf
            Output = id
            CopiesFirst = false
            Errors = None
            Columns = noColumns
        }

    Golden.verifyWhere "update_dqn" isOurs (updates kind)

[<Fact>]
let ``schedules and noise are those of other libraries`` () =
    Golden.verify "schedules_noise" (fun case ->
        let p = case["params"]
        let close what expected actual = Golden.close 1e-12 1e-12 case what expected actual
        let rows (node: GoldenNode) = [| for item in node.Items -> item.AsArray.Values |]

        match case.Text "kind" with
        | "epsilon schedule" ->
            let duration =
                if p.Has "duration" then
                    p.Float "duration"
                else
                    p.Float "fraction" * p.Float "total"

            let values =
                case.Floats "steps"
                |> Array.map (ExplorationSchedule.linear (p.Float "start") (p.Float "end") duration)

            close "values" (case.Floats "values") values
        | "PER beta annealing" ->
            let values =
                case.Floats "steps" |> Array.map (ExplorationSchedule.linear (p.Float "beta") 1.0 (p.Float "total"))

            close "values" (case.Floats "values") values
        | "normal noise" ->
            let values =
                case.Floats "standard_normal" |> Array.map (ActionNoise.gaussian (p.Float "mean") (p.Float "sigma"))

            close "noise" (case.Floats "noise") values
        | "OU noise"
        | "vectorized OU noise" ->
            let next =
                ActionNoise.ornsteinUhlenbeck (p.Float "mean") (p.Float "sigma") (p.Float "theta") (p.Float "dt")

            let normals = case["standard_normal"].Items |> Seq.map (fun item -> item.AsArray.Values) |> Seq.toArray
            let size = normals[0].Length

            let start =
                if p.Has "initial_noise" then
                    p.Floats "initial_noise"
                else
                    Array.zeroCreate size

            let reset step (x: float[]) =
                if p.Has "reset_before_step" && step = p.Int "reset_before_step" then
                    start
                elif p.Has "reset_environment_1_before_step" && step = p.Int "reset_environment_1_before_step" then
                    let width = size / p.Int "n_envs"
                    x |> Array.mapi (fun i value -> if i / width = 1 then 0.0 else value)
                else
                    x

            let trajectory =
                normals
                |> Array.indexed
                |> Array.scan (fun x (step, z) -> Array.map2 next (reset step x) z) start
                |> Array.tail

            close "noise" (case.Floats "noise") (Array.concat trajectory)
        | "exploration action" ->
            let low, high = p.Floats "low", p.Floats "high"
            let each f = rows case["policy_action"] |> Array.mapi (fun row -> Array.mapi (fun i x -> f row i x))
            let noise = rows case["noise"]
            let scaled = each (fun _ i x -> ActionNoise.scaled low[i] high[i] x)
            let stored = scaled |> Array.mapi (fun row -> Array.mapi (fun i x -> ActionNoise.noisy noise[row].[i] x))
            let unscaled = stored |> Array.map (Array.mapi (fun i x -> ActionNoise.unscaled low[i] high[i] x))
            close "scaled" (case.Floats "scaled_policy_action") (Array.concat scaled)
            close "stored" (case.Floats "stored_action") (Array.concat stored)
            close "environment" (case.Floats "environment_action") (Array.concat unscaled)
        | kind -> failwith $"There is no {kind} here.")

/// Stable Baselines3's order of events from the functions that learners go by.
let private timing (case: GoldenNode) =
    let p = case["params"]
    let train = p["train_freq"].Items |> Seq.toArray
    let copies, total = p.Int "n_envs", p.Int "total_timesteps"
    let frequency = train[0].AsFloat |> int
    let isDqn = case.Text "algorithm" = "DQN"
    let gradientSteps = p.Int "gradient_steps"
    let replay = Replay.create [ Column.number "x" ] copies 1000

    let plan = { TotalSteps = int64 total }

    let exploration: EpsilonGreedyOptions =
        let number name = if isDqn then p.Float name else 1.0
        let initial, final = number "exploration_initial_eps", number "exploration_final_eps"
        { ExplorationRate = RateSchedule.Linear(initial, final, number "exploration_fraction") }

    let events = case["events"].Items |> Seq.toList
    let mutable left = events
    let mutable steps, vector = 0, 0L
    let mutable memory = replay

    let next () =
        let head = left.Head
        left <- left.Tail
        head

    while steps < total do
        for _ in 1..frequency do
            steps <- steps + copies
            memory <- Replay.append [ Column.number "x", Array.zeroCreate copies ] memory
            let event = next ()
            Assert.Equal("step", event.Text "event")
            Assert.Equal(steps, event.Int "num_timesteps")

            if isDqn then
                Golden.closeNumber
                    1e-12
                    1e-12
                    case
                    "rate"
                    (event.Float "exploration_rate")
                    (EpsilonGreedyOptions.after plan (int64 steps) exploration)

                let due = Replayed.due (p.Int "target_update_interval") copies vector (vector + 1L)
                Assert.Equal(event.Flag "target_updated", (due = 1))

            vector <- vector + 1L

        if Replayed.isReady (p.Int "learning_starts") (int64 steps) memory then
            let updates = if gradientSteps < 0 then frequency * copies else gradientSteps

            if updates > 0 then
                let event = next ()
                Assert.Equal("train", event.Text "event")
                Assert.Equal(updates, event.Int "gradient_steps")

    Assert.Equal(case.Int "final_num_timesteps", steps)
    Assert.Empty left

[<Fact>]
let ``steps, updates, targets and the exploration rate come in Stable Baselines3's order`` () =
    // Updates after whole episodes are not an option here: rounds are of steps.
    let isOfSteps (case: GoldenNode) =
        let frequency = case["params"].["train_freq"].Items |> Seq.toArray
        frequency[1].Element.GetString() = "step"

    Golden.verifyWhere "offpolicy_timing" isOfSteps timing
