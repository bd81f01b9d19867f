/// The twins of model learning: an ensemble of Gaussian networks fitted one number after the other, and rollouts within
/// it, as Chua et al. (2018) and Janner et al. (2019) describe them.
module Rl.Tests.Algorithms.Twins.PlainModels

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations

/// The shape of a member: numbers of an observation and of an action, and units of its hidden layers, which are SiLUs.
/// Rewards and log-odds of an end are learnt too where that is said.
type Shape =
    {
        Observations: int
        Actions: int
        Hidden: int list
        LearnsReward: bool
        LearnsEnd: bool
    }

    /// What is predicted with a variance.
    member this.Numbers = this.Observations + (if this.LearnsReward then 1 else 0)
    member this.Inputs = this.Observations + this.Actions

/// What a member says of one step: means, ln σ², log-odds of an end (none: not learnt).
type Said = { Mean: Scalar[]; LogVariance: Scalar[]; End: Scalar option }

let private softplus (x: Scalar) = Scalar.log (1.0 + Scalar.exp x)
let private silu (x: Scalar) = x / (1.0 + Scalar.exp -x)

/// A member's prediction from its parameters: layer by layer weights and biases, then the bounds of ln σ².
let predict (shape: Shape) (theta: Scalar[]) (inputs: float[]) : Said =
    let n = shape.Numbers
    let outputs = 2 * n + (if shape.LearnsEnd then 1 else 0)
    let mutable place = 0

    let layer (x: Scalar[]) size =
        let weights, biases = place, place + x.Length * size
        place <- biases + size

        Array.init size (fun j ->
            Scalar.affine x (Array.init x.Length (fun i -> theta[weights + i * size + j])) theta[biases + j])

    let hidden =
        shape.Hidden
        |> List.fold (fun x size -> layer x size |> Array.map silu) (Array.map Scalar.constant inputs)

    let y = layer hidden outputs
    let least, largest = theta[place .. place + n - 1], theta[place + n .. place + 2 * n - 1]

    let bounded =
        Array.init n (fun i ->
            let below = largest[i] - softplus (largest[i] - y[n + i])
            least[i] + softplus (below - least[i]))

    { Mean = y[.. n - 1]; LogVariance = bounded; End = if shape.LearnsEnd then Some y[2 * n] else None }

/// Σ (largest − least) of the bounds, which pulls them together.
let private spread (shape: Shape) (theta: Scalar[]) =
    let n = shape.Numbers

    Scalar.sum theta[theta.Length - n ..]
    - Scalar.sum theta[theta.Length - 2 * n .. theta.Length - n - 1]

/// The loss of a minibatch: mean over rows of (μ − t)²/σ² + ln σ², mean over numbers; the cross-entropy of ends; a
/// hundredth of the spread of the bounds.
let private lossOf (shape: Shape) (theta: Scalar[]) (rows: (float[] * float[] * float)[]) : Scalar * Scalar =
    let each =
        rows
        |> Array.map (fun (inputs, targets, ends) ->
            let said = predict shape theta inputs

            let likelihood =
                Array.init targets.Length (fun i ->
                    Scalar.square (said.Mean[i] - targets[i]) / Scalar.exp said.LogVariance[i] + said.LogVariance[i])
                |> Scalar.mean

            let ending =
                match said.End with
                | Some logit -> softplus logit - ends * logit
                | None -> Scalar.constant 0.0

            likelihood, ending)

    let likelihood = Scalar.mean (Array.map fst each)
    likelihood, likelihood + Scalar.mean (Array.map snd each) + 0.01 * spread shape theta

/// Mean and unbiased deviation of each column, by definition.
let private moments (rows: float[][]) : float[] * float[] =
    let count = float rows.Length
    let mean = Array.init rows[0].Length (fun i -> (rows |> Array.sumBy (fun row -> row[i])) / count)

    let deviation =
        mean
        |> Array.mapi (fun i mean -> sqrt ((rows |> Array.sumBy (fun row -> (row[i] - mean) ** 2.0)) / (count - 1.0)))

    mean, deviation

let private within (mean: float[], deviation: float[]) (row: float[]) =
    row |> Array.mapi (fun i x -> (x - mean[i]) / deviation[i])

/// Units in which a model sees and speaks: means and deviations of inputs and of targets.
type Units = { Inputs: float[] * float[]; Targets: float[] * float[] }

let private rowsOf width (values: float32[]) = values |> Array.map float |> Array.chunkBySize width

let private inputsOf (shape: Shape) (data: ModelData) =
    Array.map2 Array.append (rowsOf shape.Observations data.Observations) (rowsOf shape.Actions data.Actions)

let private targetsOf (shape: Shape) (data: ModelData) =
    let before, after = rowsOf shape.Observations data.Observations, rowsOf shape.Observations data.NextObservations

    Array.init data.Count (fun row ->
        Array.append
            (Array.map2 (-) after[row] before[row])
            (if shape.LearnsReward then [| float data.Rewards[row] |] else [||]))

/// The units of data.
let unitsOf (shape: Shape) (normalisesTargets: bool) (data: ModelData) : Units =
    let n = shape.Numbers

    {
        Inputs = moments (inputsOf shape data)
        Targets =
            if normalisesTargets then
                moments (targetsOf shape data)
            else
                Array.zeroCreate n, Array.create n 1.0
    }

/// What a fit leaves: members, their least errors on rows held out, the elites, passes, the loss of the last one.
type Fitted = { Members: float[][]; HeldOut: float[]; Elites: int[]; Epochs: int; Loss: float; Key: Rng }

/// Fits members to data by Adam on minibatches: each has rows of its own, drawn with replacement, and ends with the
/// parameters that had the least error on the rows that none learns from.
let fit (options: ModelOptions) (shape: Shape) (members: float[][]) (data: ModelData) (key: Rng) : Fitted =
    let units = unitsOf shape options.NormaliseTargets data
    let inputs = inputsOf shape data |> Array.map (within units.Inputs)
    let targets = targetsOf shape data |> Array.map (within units.Targets)
    let ends = data.Continues |> Array.map (fun continues -> 1.0 - float continues)
    let struct (order, key) = Rng.permutation data.Count key
    let heldOut = int (Math.Floor(options.HeldOutShare * float data.Count))
    let validation, training = Array.splitAt heldOut order
    let mutable key = key

    let shuffled (rows: int[]) =
        let rows = Array.copy rows
        key <- Rng.shuffle (Span rows) key
        rows

    let mutable rows =
        members
        |> Array.map (fun _ ->
            if options.Bootstrap then
                training
                |> Array.map (fun _ ->
                    let struct (place, next) = Rng.below training.Length key
                    key <- next
                    training[place])
            else
                shuffled training)

    let errorOf (theta: float[]) =
        let theta = Array.map Scalar.constant theta

        validation
        |> Array.averageBy (fun row ->
            Array.map2
                (fun (mean: Scalar) target -> (mean.Value - target) ** 2.0)
                (predict shape theta inputs[row]).Mean
                targets[row]
            |> Array.average)

    let theta = Array.map Array.copy members

    let first, second =
        members |> Array.map (Array.map (fun _ -> 0.0)), members |> Array.map (Array.map (fun _ -> 0.0))

    let mutable count = 0.0

    let step m (gradient: float[]) =
        theta[m] <-
            theta[m]
            |> Array.mapi (fun i x ->
                let g = gradient[i] + options.ModelWeightDecay * x
                first[m][i] <- 0.9 * first[m][i] + 0.1 * g
                second[m][i] <- 0.999 * second[m][i] + 0.001 * g * g
                let mean, square = first[m][i] / (1.0 - 0.9 ** count), second[m][i] / (1.0 - 0.999 ** count)
                x - options.ModelLearningRate * mean / (sqrt square + 1e-8))

    let best, least = Array.copy theta, Array.map errorOf theta
    let marks = Array.copy least
    let batches = (training.Length + options.ModelBatchSize - 1) / options.ModelBatchSize
    let mutable epoch, waiting, loss = 0, 0, 0.0

    while epoch < options.ModelEpochs && waiting < options.ModelPatience do
        rows <- Array.map shuffled rows
        let mutable sum = 0.0

        for batch in 0 .. batches - 1 do
            count <- count + 1.0

            for m in 0 .. members.Length - 1 do
                let chosen =
                    Array.init options.ModelBatchSize (fun i ->
                        let row = rows[m][(batch * options.ModelBatchSize + i) % training.Length]
                        inputs[row], targets[row], ends[row])

                let mutable likelihood = 0.0

                let struct (_, gradient) =
                    theta[m]
                    |> Scalar.differentiate (fun theta ->
                        let own, all = lossOf shape theta chosen
                        likelihood <- own.Value
                        all)

                sum <- sum + likelihood
                step m gradient

        loss <- sum / float (batches * members.Length)
        epoch <- epoch + 1
        waiting <- waiting + 1

        for m in 0 .. members.Length - 1 do
            let now = errorOf theta[m]

            if now < 0.99 * marks[m] then
                waiting <- 0
                marks[m] <- now

            if now < least[m] then
                least[m] <- now
                best[m] <- theta[m]

    {
        Members = best
        HeldOut = least
        Elites = [| 0 .. members.Length - 1 |] |> Array.sortBy (fun m -> least[m]) |> Array.truncate options.Elites
        Epochs = epoch
        Loss = loss
        Key = key
    }

/// An imagined step: s, a (the policy's numbers), r, whether another may follow, s′.
type Imagined = { Seen: float[]; Given: float[]; Earned: float; Continues: bool; Led: float[] }

/// A step of each row that is alive: rows are dealt to the elites by chance, `each` to every one. `known` gives reward
/// and end of a step (s, a, s′) where they are known.
let step
    (shape: Shape)
    (theta: Scalar[][])
    (elites: int[])
    (units: Units)
    (each: int)
    (alive: bool[])
    (states: float[][])
    (actions: float[][])
    (known: (float[] -> float[] -> float[] -> float * bool) option)
    (key: Rng)
    : Imagined option[] * Rng =
    let rows = each * elites.Length
    let dealt = [| 0 .. rows - 1 |]
    let key = Rng.shuffle (Span dealt) key
    let noise = Array.zeroCreate<float32>(rows * shape.Numbers)
    let key = Rng.normals (Span noise) key
    let placeOf = Array.zeroCreate<int> rows
    dealt |> Array.iteri (fun place row -> placeOf[row] <- place)

    let one row =
        let place = placeOf[row]
        let seen, given = states[row], actions[row]
        let said = predict shape theta[elites[place / each]] (within units.Inputs (Array.append seen given))

        let drawn =
            Array.init shape.Numbers (fun i ->
                let z = float noise[place * shape.Numbers + i]
                let mean, deviation = (fst units.Targets)[i], (snd units.Targets)[i]
                (said.Mean[i].Value + sqrt (exp said.LogVariance[i].Value) * z) * deviation + mean)

        let led = Array.init shape.Observations (fun i -> seen[i] + drawn[i])

        let earned, ends =
            match known with
            | Some known -> known seen given led
            | None -> drawn[shape.Observations], said.End.Value.Value > 0.0

        { Seen = seen; Given = given; Earned = earned; Continues = not ends; Led = led }

    Array.init rows (fun row -> if alive[row] then Some(one row) else None), key

/// Rollouts of up to `length` steps from states drawn from `starts`: at each step every elite moves an equal part of
/// the rows, dealt by chance; a row that ended moves no more. `act` gives a policy's action in a state, `known` reward
/// and end of a step (s, a, s′) where they are known. Rows are so many that each elite has `each`.
let imagine
    (shape: Shape)
    (members: float[][])
    (elites: int[])
    (units: Units)
    (each: int)
    (count: int)
    (length: int)
    (starts: float[][])
    (act: float[] -> Rng -> float[] * Rng)
    (known: (float[] -> float[] -> float[] -> float * bool) option)
    (key: Rng)
    : Imagined list * Rng =
    let rows = each * elites.Length
    let theta = members |> Array.map (Array.map Scalar.constant)
    let mutable key = key
    let remembered = Collections.Generic.List<Imagined>()

    for from in 0..rows .. count - 1 do
        let alive = Array.init rows (fun row -> from + row < count)

        let states =
            Array.init rows (fun _ ->
                let struct (index, next) = Rng.below starts.Length key
                key <- next
                starts[index])

        for _ in 1..length do
            let actions =
                states
                |> Array.map (fun state ->
                    let action, next = act state key
                    key <- next
                    action)

            let steps, next = step shape theta elites units each alive states actions known key
            key <- next

            for row in 0 .. rows - 1 do
                match steps[row] with
                | Some step ->
                    remembered.Add step
                    states[row] <- step.Led
                    alive[row] <- step.Continues
                | None -> ()

    List.ofSeq remembered, key
