/// Slide 24: on Baird's counterexample semi-gradient TD diverges, and methods that follow a true gradient converge.
namespace Lecture

open Rl.Core.Tabular

/// Expected updates over all that the behaviour policy may do, each state alike, so that no noise explains what is
/// seen.
[<RequireQualifiedAccess>]
module Slide24Baird =

    let private mdp = Baird.mdp 0.99

    /// Every transition with its probability under the behaviour, and its importance ratio.
    let private everything =
        [|
            for state in 0 .. mdp.States - 1 do
                for action in 0 .. mdp.Actions - 1 do
                    for transition in Transition.expected mdp state action do
                        let chance = Baird.behaviour[state, action] / float mdp.States

                        struct ({ transition with Weight = chance * transition.Weight },
                                Baird.target[state, action] / Baird.behaviour[state, action])
        |]

    let private add (a: float[]) (b: float[]) = Array.map2 (+) a b
    let private less (a: float[]) (b: float[]) = Array.map2 (-) a b

    let private both f (a: GradientWeights) (b: GradientWeights) : GradientWeights =
        { Weights = f a.Weights b.Weights; Auxiliary = f a.Auxiliary b.Auxiliary }

    /// w + Σ (what each transition would change w by): one expected update.
    let private sweep add less (update: 'W -> Transition -> float -> 'W) (weights: 'W) : 'W =
        everything
        |> Array.map (fun struct (transition, ratio) -> less (update weights transition ratio) weights)
        |> Array.fold add weights

    /// The root mean square over states of (T_π V − V), which is 0 at the solution.
    let private bellmanError (weights: float[]) =
        let values = LinearFeatures.all Baird.features weights
        let backed = Bellman.evaluation mdp Baird.target values
        sqrt (Array.averageBy (fun error -> error * error) (Array.map2 (-) backed values))

    /// The Bellman error after 0, 1, … sweeps.
    let private trace sweeps (weightsOf: 'W -> float[]) (step: 'W -> 'W) (initial: 'W) : float[] =
        Seq.unfold (fun weights -> Some(bellmanError (weightsOf weights), step weights)) initial
        |> Seq.take (sweeps + 1)
        |> Array.ofSeq

    let run (setting: Setting) =
        Report.title "Slide 24: Baird's counterexample"
        let sweeps = if setting.Quick then 1_000 else 8_000
        let features = Baird.features
        let plain update = trace sweeps id (sweep add less update) Baird.initialWeights

        let gradient update =
            GradientTemporalDifference.create Baird.initialWeights
            |> trace sweeps (fun (weights: GradientWeights) -> weights.Weights) (sweep (both add) (both less) update)

        let curves =
            [
                "semi-gradient TD", Ink.orange, plain (GradientTemporalDifference.semiGradient 0.01 features)
                "residual gradient", Ink.grey, plain (GradientTemporalDifference.residualGradient 0.05 features)
                "GTD2", Ink.green, gradient (GradientTemporalDifference.gtd2 0.05 0.5 features)
                "TDC", Ink.blue, gradient (GradientTemporalDifference.tdc 0.05 0.5 features)
            ]

        Report.table
            ("sweeps" :: [ for name, _, _ in curves -> name ])
            [
                for index in [ 0; 10; 30; 100; 1_000; 3_000; 8_000 ] do
                    if index <= sweeps then
                        $"{index}" :: [ for _, _, errors in curves -> $"{errors[index]:G3}" ]
            ]

        let plot =
            Picture.create "Baird's counterexample" "sweeps of expected updates" "Bellman error (root mean square)"

        Picture.logarithmicX plot
        Picture.logarithmicY plot
        let shown = Picture.logarithmically sweeps

        for name, colour, errors in curves do
            Picture.line
                plot
                name
                colour
                3.0
                (shown |> Array.map (float >> log10))
                (shown |> Array.map (fun index -> log10 errors[index]))

        Picture.save setting "slide24-baird" plot
