/// CEM, ARS and ES against their plain twins: several transitions, so that what decays and what is remembered shows.
module Rl.Tests.Algorithms.Twins.SearchTwinTests

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Xunit

let private cemOptions =
    { CemOptions.defaults with
        Network.Hidden = [ 3 ]
        Population = 13
        EliteFraction = 0.3
        InitialDeviation = 0.8
        ExtraDeviation = 0.6
        ExtraDeviationUpdates = 3
    }

[<Fact>]
let ``a transition of CEM is that of the plain cross-entropy method, while its extra noise falls and after`` () =
    let check options task threads =
        Agreement.transitions 4 (Cem.create options) task 3 threads (PlainSearch.cem options)

    check cemOptions TwinTasks.numbers 1

    check
        { cemOptions with Candidates.EpisodesPerCandidate = 2; Network.NormaliseObservations = true }
        TwinTasks.mixed
        3

    check { cemOptions with Network.Hidden = []; EliteFraction = 0.05; ExtraDeviation = 0.0 } TwinTasks.choices 2
    check { cemOptions with Candidates.MaxEpisodeSteps = 4; EliteFraction = 1.0 } TwinTasks.maskedBits 2

let private arsOptions =
    { ArsOptions.defaults with
        Network.Hidden = [ 3 ]
        Directions = 7
        TopDirections = 3
        LearningRate = RateSchedule.Constant 0.3
        Deviation = RateSchedule.Constant 0.4
        AliveBonus = 0.7
    }

[<Fact>]
let ``a transition of ARS is that of plain augmented random search`` () =
    let check options task threads =
        Agreement.transitions 3 (Ars.create options) task 3 threads (PlainSearch.ars options)

    check arsOptions TwinTasks.numbers 1
    check { arsOptions with TopDirections = 0; Network.Hidden = [] } TwinTasks.choices 3
    check { arsOptions with Network.NormaliseObservations = false; TopDirections = 1 } TwinTasks.mixed 2

    check
        { arsOptions with
            Candidates.EpisodesPerCandidate = 2
            Candidates.MaxEpisodeSteps = 4
            TopDirections = 5
        }
        TwinTasks.maskedBits
        2

let private esOptions =
    { EsOptions.defaults with
        Network.Hidden = [ 3 ]
        Directions = 6
        Deviation = RateSchedule.Constant 0.3
        WeightDecay = 0.05
    }

[<Fact>]
let ``a transition of ES is that of plain evolution strategies`` () =
    let check options task threads = Agreement.transitions 3 (Es.create options) task 4 threads (PlainSearch.es options)

    check esOptions TwinTasks.numbers 1
    check { esOptions with Network.NormaliseObservations = true; WeightDecay = 0.0 } TwinTasks.mixed 3

    check
        { esOptions with
            Candidates.EpisodesPerCandidate = 2
            Deviation = RateSchedule.Constant 0.9
            LearningRate = RateSchedule.Constant 0.2
        }
        TwinTasks.choices
        2

    check { esOptions with Candidates.MaxEpisodeSteps = 4; Directions = 3 } TwinTasks.maskedBits 2
