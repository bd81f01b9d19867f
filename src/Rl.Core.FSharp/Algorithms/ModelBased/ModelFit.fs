/// Fitting an ensemble to data: bootstrapped rows for each member, an eye on data held out, the best as elites.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// How a fit went.
type ModelFitReport =
    {
        /// Passes over the data.
        Epochs: int
        /// The mean loss of members over the last pass.
        Loss: float
        /// Of each member, the least mean squared error of normalised numbers on the rows held out.
        HeldOut: float[]
        /// The members in the order of these errors, as many as there are to be elites.
        Elites: int[]
    }

/// The rows that members learn from.
[<RequireQualifiedAccess>]
module Bootstrap =

    /// `rows` of the given ones for one member: drawn from them with replacement, each as likely as any other; or the
    /// same in a random order. The generator that follows.
    let draw (withReplacement: bool) (given: ReadOnlySpan<int>) (rows: Span<int>) (key: Rng) : Rng =
        Guard.length (nameof rows) given.Length rows.Length

        if withReplacement then
            let mutable key = key

            for index in 0 .. rows.Length - 1 do
                let struct (place, next) = Rng.below given.Length key
                rows[index] <- given[place]
                key <- next

            key
        else
            given.CopyTo rows
            Rng.shuffle rows key

/// A compiled fit of the ensemble that begins at `first` in θ. `Load`, then `Fit` as often as you like, then `Store`.
/// Not thread-safe.
[<Sealed>]
type ModelFit(network: ModelNetwork, options: ModelOptions, first: int, workers: Workers) =
    let inputs, numbers, members = network.Layers.Inputs, network.Numbers, network.Members
    let own = ModelNetwork.layoutOfMember network
    let group index = $"model {index}"
    let batch = options.ModelBatchSize
    let inputColumns = List.init members (fun index -> Column.step $"modelInputs {index}" inputs)
    let targetColumns = List.init members (fun index -> Column.step $"modelTargets {index}" numbers)
    let endColumns = List.init members (fun index -> Column.number $"modelEnds {index}")

    /// The loss of each member on rows of its own; members share no term, so each is a side of the update.
    let loss (samples: Batch) : Term list =
        [
            for index in 0 .. members - 1 do
                let parameters = samples.Parameters(group index)
                let prediction = ModelNetwork.predict network parameters samples[inputColumns[index]]
                Term.mean $"modelLoss {index}" 1.0 (ModelNetwork.loss prediction samples[targetColumns[index]])

                match prediction.Termination with
                | Some logits ->
                    Term.mean
                        $"terminationLoss {index}"
                        1.0
                        (Losses.binaryCrossEntropy logits samples[endColumns[index]])
                | None -> ()

                if network.IsGaussian && network.LearnsBounds then
                    let struct (least, largest) = ModelNetwork.bounds network parameters
                    Term.once $"varianceBounds {index}" 0.01 (ModelLearning.boundsSpread least largest)
        ]

    let transform =
        Optimiser.adamWith (Schedule.constant options.ModelLearningRate) 0.9 0.999 1e-8 options.ModelWeightDecay false

    let update =
        Update.create
            {
                Name = "model step"
                Groups =
                    [
                        for index in 0 .. members - 1 ->
                            ParameterGroup.ofPart
                                (group index)
                                { First = first + index * own.Count; Layout = own }
                                (GroupMotion.Learns("modelOptimiser", transform))
                    ]
                Shape = SampleShape.steps batch
                MaxGradientNorm = 0.0
                Loss = loss
            }

    let memory (columns: Column list) =
        columns |> List.map (fun column -> column, Array.zeroCreate<float32>(batch * column.Numbers))

    let batchInputs, batchTargets, batchEnds = memory inputColumns, memory targetColumns, memory endColumns

    let samples =
        Samples(
            1,
            (fun row -> struct (row, 0)),
            batchInputs @ batchTargets @ (if network.PredictsTermination then batchEnds else [])
        )

    let measured = 256
    let predictions = ModelPredictions(network, measured)

    let parametersOf index = update.Group(group index)

    /// The mean squared error of each member on rows, normalised as all of these arrays are.
    let errors (allInputs: float32[]) (allTargets: float32[]) (rows: int[]) : float[] =
        for index in 0 .. members - 1 do
            (parametersOf index).Span.CopyTo(predictions.Theta.Slice(index * own.Count, own.Count))

        let sums = Array.zeroCreate<float> members

        for start in 0..measured .. rows.Length - 1 do
            let count = min measured (rows.Length - start)

            for row in 0 .. count - 1 do
                ReadOnlySpan(allInputs, rows[start + row] * inputs, inputs)
                    .CopyTo(predictions.Inputs.Slice(row * inputs, inputs))

            predictions.Run workers
            let mean = predictions.Mean

            for index in 0 .. members - 1 do
                for row in 0 .. count - 1 do
                    for i in 0 .. numbers - 1 do
                        let predicted = mean[(index * measured + row) * numbers + i]
                        let error = float predicted - float allTargets[rows[start + row] * numbers + i]
                        sums[index] <- sums[index] + error * error

        sums |> Array.map (fun sum -> sum / float (rows.Length * numbers))

    /// The update that moves members.
    member _.Update = update
    /// The arrays of states that it keeps.
    member _.Arrays: (string * float32[]) list = update.Arrays
    /// Takes the ensemble and what its optimiser keeps over.
    member _.Load(draft: Draft) : unit = update.Load draft
    /// Writes them back.
    member _.Store(draft: Draft) : unit = update.Store draft
    /// The parameters of a member as fits have left them.
    member _.Parameters(index: int) : ReadOnlyMemory<float32> = Memory.op_Implicit (parametersOf index)

    /// Fits the ensemble to data in a frame; rewards are learnt where the network has a number for them. Of each member
    /// the parameters are kept that have the least error on the rows held out. The generator that follows. Fails for
    /// data that are not finite, naming step and component.
    member _.Fit(data: ModelData, frame: ModelFrame, key: Rng) : struct (ModelFitReport * Rng) =
        ModelData.require data
        let learnsReward = numbers > data.ObservationSize
        let allInputs = ModelFrame.inputs data
        let allTargets = ModelFrame.targets learnsReward data
        Guard.length "data" (data.Count * inputs) allInputs.Length
        ModelFrame.normalise frame.InputMean frame.InputScale allInputs
        ModelFrame.normalise frame.TargetMean frame.TargetScale allTargets

        let struct (order, next) = Rng.permutation data.Count key
        let heldOut = min (data.Count - 1) (int (options.HeldOutShare * float data.Count))
        let validation = if heldOut > 0 then order[.. heldOut - 1] else order
        let training = order[heldOut..]
        let mutable key = next

        let rows =
            Array.init members (fun _ ->
                let own = Array.zeroCreate<int> training.Length
                key <- Bootstrap.draw options.Bootstrap (ReadOnlySpan training) (Span own) key
                own)

        let best = Array.init members (fun index -> (parametersOf index).ToArray())
        let bestErrors = errors allInputs allTargets validation
        // What a member's error must be less than by a hundredth to count as better.
        let marks = Array.copy bestErrors
        let batches = (training.Length + batch - 1) / batch
        let mutable epoch, waiting = 0, 0
        let mutable loss = 0.0

        while epoch < options.ModelEpochs && waiting < options.ModelPatience do
            for index in 0 .. members - 1 do
                key <- Rng.shuffle (Span rows[index]) key

            loss <- 0.0

            for number in 0 .. batches - 1 do
                for index in 0 .. members - 1 do
                    let ownInputs, ownTargets = snd batchInputs[index], snd batchTargets[index]

                    for row in 0 .. batch - 1 do
                        // The last batch is filled up with the first rows of the pass.
                        let from = rows[index][(number * batch + row) % training.Length]
                        Array.Copy(allInputs, from * inputs, ownInputs, row * inputs, inputs)
                        Array.Copy(allTargets, from * numbers, ownTargets, row * numbers, numbers)

                        if network.PredictsTermination then
                            (snd batchEnds[index])[row] <- 1.0f - data.Continues[from]

                update.ChooseAll samples
                update.Run workers

                for index in 0 .. members - 1 do
                    loss <- loss + update.Scalar $"modelLoss {index}"

            loss <- loss / float (batches * members)
            epoch <- epoch + 1
            let now = errors allInputs allTargets validation
            waiting <- waiting + 1

            for index in 0 .. members - 1 do
                if now[index] < 0.99 * marks[index] then
                    waiting <- 0
                    marks[index] <- now[index]

                if now[index] < bestErrors[index] then
                    bestErrors[index] <- now[index]
                    (parametersOf index).Span.CopyTo(Span best[index])

        for index in 0 .. members - 1 do
            ReadOnlySpan(best[index]).CopyTo((parametersOf index).Span)

        let elites =
            Array.init members id
            |> Array.sortBy (fun index -> struct (bestErrors[index], index))
            |> Array.truncate options.Elites

        struct ({ Epochs = epoch; Loss = loss; HeldOut = bestErrors; Elites = elites }, key)
