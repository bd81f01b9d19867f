/// What holds for every robot: energy, momentum, the mass matrix, and what a solved constraint problem satisfies.
module Rl.Tests.Environments.Robots.RobotTheorems

open System
open Rl.Core.Foundations
open Rl.Core.Environments.Robots
open Rl.Tests.Environments.Robots.RobotCases
open Xunit

/// Puts a random state near the reference pose.
let private scramble (spread: float) (seed: int) (w: Workspace) =
    let mutable rng = Rng.create (uint64 seed)

    let draw (range: float) =
        let struct (value, next) = Rng.uniformIn -range range rng
        rng <- next
        value

    Simulation.reset w

    for index in 0 .. w.Position.Length - 1 do
        w.Position[index] <- w.Position[index] + draw spread

    for index in 0 .. w.Velocity.Length - 1 do
        w.Velocity[index] <- draw 3.0

    for index in 0 .. w.Control.Length - 1 do
        w.Control[index] <- draw 1.0

let private everyState (check: Workspace -> unit) =
    for name in models do
        let w = Workspace(model name)

        for seed in 1..10 do
            scramble 0.4 seed w
            Simulation.evaluate w
            check w

/// Three links on hinges and a slide, without damping; the middle joint is `joint`. In quaternions the method is of
/// the second order only, as MuJoCo's: a step turns about the mean of the stages' velocities.
let private links (joint: string) =
    $"""<mujoco><option timestep="0.01" integrator="RK4" gravity="0.3 0 -9.81"/>
    <default><geom contype="0" conaffinity="0"/></default>
    <worldbody><body><joint axis="0 1 0.2"/><geom type="box" size="0.1 0.2 0.3" pos="0.1 0 -0.3"/>
      <body pos="0 0 -0.6"><joint {joint}/><geom type="ellipsoid" size="0.1 0.15 0.3" pos="0 0.1 -0.3"/>
        <body pos="0 0 -0.6"><joint type="slide" axis="0 0.3 1" stiffness="800"/>
          <geom type="cylinder" size="0.1 0.2" axisangle="1 2 3 40"/></body></body></body></worldbody></mujoco>"""

/// A free body with two arms, in no gravity.
let private floating =
    """<mujoco><option timestep="0.01" integrator="RK4" gravity="0 0 0"/>
    <default><geom contype="0" conaffinity="0"/></default>
    <worldbody><body pos="0 0 1"><freejoint/><geom type="box" size="0.1 0.2 0.3"/>
      <body pos="0.3 0 0"><joint axis="0 1 0" stiffness="20"/>
        <geom type="capsule" size="0.05 0.2" pos="0.2 0 0" zaxis="1 0 0"/></body>
      <body pos="-0.3 0 0"><joint type="ball"/>
        <geom type="capsule" size="0.05 0.2" pos="-0.2 0 0" zaxis="1 0 0"/></body>
    </body></worldbody></mujoco>"""

let private withTimestep (time: float) (model: RobotModel) =
    { model with Options = { model.Options with Timestep = time } }

let private energy (w: Workspace) = Forces.potentialEnergy w + Forces.kineticEnergy w

/// The largest change of energy within a second.
let private drift (text: string) (time: float) =
    let w = Workspace(withTimestep time (ModelCompiler.ofText text))
    scramble 0.0 5 w
    Simulation.evaluate w
    let start = energy w
    let mutable worst = 0.0

    for _ in 1 .. int (round (1.0 / time)) do
        Simulation.step w |> ignore
        Simulation.evaluate w
        worst <- max worst (abs (energy w - start))

    worst / abs start

[<Fact>]
let ``Runge and Kutta keep the energy to the fourth order of the time step`` () =
    let order (joint: string) = Math.Log2(drift (links joint) 0.005 / drift (links joint) 0.0025)
    Assert.InRange(drift (links "axis=\"1 0 0.2\"") 0.01, 1e-10, 1e-3)
    Assert.InRange(order "axis=\"1 0 0.2\"", 3.7, 5.2)
    Assert.InRange(order "type=\"ball\"", 1.9, 2.3)

/// Momentum of all bodies, and angular momentum about their common centre of mass.
let private momentum (w: Workspace) =
    let total =
        (Spatial.zero, [ 1 .. w.Model.Bodies.Length - 1 ])
        ||> List.fold (fun sum index -> sum + momentumOf w.Inertia[index] w.BodyVelocity[index])

    wrench total

[<Fact>]
let ``a robot that floats freely keeps its momentum and angular momentum`` () =
    let w = Workspace(withTimestep 0.002 (ModelCompiler.ofText floating))
    scramble 0.0 7 w
    Simulation.evaluate w
    let start = momentum w

    for _ in 1..500 do
        Simulation.step w |> ignore

    Simulation.evaluate w
    let last = momentum w
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-7 * Array.max (Array.map abs start))) start last

[<Fact>]
let ``the mass matrix is symmetric, positive definite, and the Hessian of kinetic energy`` () =
    everyState (fun w ->
        let size = w.Model.DofCount
        let velocity = Array.copy w.Velocity

        /// ½ Σ v · I v + ½ Σ armature q̇², body by body.
        let kinetic (rates: float[]) =
            Array.Copy(rates, w.Velocity, size)
            Forces.velocities w

            let bodies =
                Seq.sum
                    [
                        for index in 1 .. w.Model.Bodies.Length - 1 do
                            power w.BodyVelocity[index] (momentumOf w.Inertia[index] w.BodyVelocity[index])
                    ]

            let armature = Array.map2 (fun (dof: Dof) rate -> dof.Armature * rate * rate) w.Model.Dofs rates
            0.5 * (bodies + Array.sum armature)

        let unit (i: int) (j: int) =
            Array.init size (fun dof -> (if dof = i then 1.0 else 0.0) + (if dof = j then 1.0 else 0.0))

        let scale = w.MassMatrix |> Array.map abs |> Array.max

        for i in 0 .. size - 1 do
            Assert.True(1.0 / w.InverseDiagonal[i] > 0.0)

            for j in 0 .. size - 1 do
                Assert.Equal(w.MassMatrix[i * size + j], w.MassMatrix[j * size + i])
                // T(eᵢ + eⱼ) − T(eᵢ) − T(eⱼ) = Mᵢⱼ; T(2 eᵢ) − 2 T(eᵢ) = Mᵢᵢ.
                let single (k: int) = kinetic (unit k -1)
                let entry = kinetic (unit i j |> Array.map id) - single i - single j

                let entry =
                    if i = j then
                        kinetic (unit i -1 |> Array.map (fun x -> 2.0 * x)) - 2.0 * single i
                    else
                        entry

                Assert.Equal(w.MassMatrix[i * size + j], entry, 1e-11 * scale)

        Array.Copy(velocity, w.Velocity, size))

[<Fact>]
let ``solving with the factors of the mass matrix inverts it`` () =
    everyState (fun w ->
        let size = w.Model.DofCount
        let x = Array.init size (fun dof -> sin (float dof + 1.0))
        let product, solved = Array.zeroCreate<float> size, Array.zeroCreate<float> size
        MassMatrix.multiply w (ReadOnlySpan x) (Span product)

        for i in 0 .. size - 1 do
            let row = Seq.sum [ for j in 0 .. size - 1 -> w.MassMatrix[i * size + j] * x[j] ]
            Assert.Equal(row, product[i], 1e-11 * (1.0 + abs row))

        Array.Copy(product, solved, size)
        MassMatrix.solve w.Model (ReadOnlySpan w.Factor) (ReadOnlySpan w.InverseDiagonal) (Span solved)
        Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-8)) x solved)

[<Fact>]
let ``bias forces do the work by which the mass matrix changes`` () =
    // q̇ · c(q, q̇) = ½ q̇ᵀ Ṁ q̇ without gravity, for Christoffel's c.
    for name in models do
        let original = model name
        let w = Workspace({ original with Options = { original.Options with Gravity = Vector3D.zero } })
        let size = w.Model.DofCount

        for seed in 1..5 do
            scramble 0.3 seed w
            Kinematics.normalise w
            let position, velocity = Array.copy w.Position, Array.copy w.Velocity
            Simulation.evaluatePosition w
            Forces.velocities w
            Forces.bias w
            let work = Array.fold2 (fun sum a b -> sum + a * b) 0.0 w.Bias velocity

            let massAfter (time: float) =
                Array.Copy(position, w.Position, position.Length)
                Simulation.advance w.Model w.Position velocity time
                Kinematics.place w
                MassMatrix.fill w
                let product = Array.zeroCreate<float> size
                MassMatrix.multiply w (ReadOnlySpan velocity) (Span product)
                Array.fold2 (fun sum a b -> sum + a * b) 0.0 product velocity

            let rate = (massAfter 1e-5 - massAfter -1e-5) / 2e-5
            // Quasi-velocities of a free joint's rotation add no work of their own.
            Assert.Equal(work, 0.5 * rate, 1e-5 * (1.0 + abs work))

[<Fact>]
let ``Newton's solution satisfies the conditions of Karush, Kuhn and Tucker`` () =
    let mutable problems = 0

    for name in models |> List.filter (fun name -> name <> "humanoid") do
        let w = Workspace(model name)
        let size = w.Model.DofCount

        for seed in 1..60 do
            scramble 0.8 seed w
            Simulation.evaluate w
            let product = Array.zeroCreate<float> size
            let change = Array.map2 (-) w.Acceleration w.SmoothAcceleration
            MassMatrix.multiply w (ReadOnlySpan change) (Span product)
            let scale = 1e-300 + (product |> Array.sumBy abs) + (w.ConstraintForce |> Array.sumBy abs)

            // M (x − a) = Jᵀ f.
            for dof in 0 .. size - 1 do
                Assert.InRange((product[dof] - w.ConstraintForce[dof]) / scale, -1e-12, 1e-12)

            for row in 0 .. w.RowCount - 1 do
                problems <- problems + 1
                let slack = Seq.sum [ for dof in 0 .. size - 1 -> w.Jacobian[row * size + dof] * w.Acceleration[dof] ]
                let slack = slack - w.Reference[row]
                let force = w.RowForce[row]
                // f ≥ 0; where f > 0, J x − r = −R f; where f = 0, J x − r ≥ 0.
                Assert.True(force >= 0.0)
                let size = 1.0 + abs w.Reference[row] + abs slack + w.Regulariser[row] * force

                if force > 0.0 then
                    Assert.InRange((slack + w.Regulariser[row] * force) / size, -1e-12, 1e-12)
                else
                    Assert.True(slack >= -1e-12 * size)

    Assert.True(problems > 500, $"only {problems} rows were met")

[<Fact>]
let ``the solution does not depend on where Newton starts`` () =
    for name in [ "hopper"; "half_cheetah"; "walker2d"; "ant" ] do
        let w = Workspace(model name)

        for seed in 1..20 do
            scramble 0.6 seed w
            let position, velocity = Array.copy w.Position, Array.copy w.Velocity
            Simulation.evaluate w
            let first = Array.copy w.Acceleration

            w.Load(
                ReadOnlySpan position,
                ReadOnlySpan velocity,
                ReadOnlySpan(Array.init w.Model.DofCount (fun dof -> 50.0 * cos (float dof)))
            )

            Simulation.evaluate w
            closeArrays 1e-9 first w.Acceleration

[<Fact>]
let ``a robot elsewhere along the ground moves alike`` () =
    let w, other = Workspace(model "half_cheetah"), Workspace(model "half_cheetah")
    scramble 0.2 3 w
    scramble 0.2 3 other
    other.Position[0] <- other.Position[0] + 64.0

    for _ in 1..10 do
        Simulation.step w |> ignore
        Simulation.step other |> ignore

    closeArrays 1e-6 w.Velocity other.Velocity
    closeArrays 1e-6 w.Position[1..] other.Position[1..]

[<Fact>]
let ``numbers without sense reset the robot and say so`` () =
    for name, spoil in
        [
            "hopper", fun (w: Workspace) -> w.Position[1] <- nan
            "hopper", fun (w: Workspace) -> w.Velocity[2] <- 1e11
            "half_cheetah", fun (w: Workspace) -> w.Velocity[0] <- infinity
            "ant", fun (w: Workspace) -> w.Position[2] <- -2e10
        ] do
        let w, fresh = Workspace(model name), Workspace(model name)
        scramble 0.1 1 w
        spoil w
        Assert.Equal(StepResult.Reset, Simulation.step w)
        Assert.Equal(StepResult.Done, Simulation.step fresh)
        Assert.Equal<float[]>(fresh.Position, w.Position)
        Assert.Equal<float[]>(fresh.Velocity, w.Velocity)

[<Fact>]
let ``a step allocates nothing`` () =
    for name in models do
        let w = Workspace(model name)
        scramble 0.3 2 w

        for _ in 1..50 do
            Simulation.step w |> ignore

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..50 do
            Simulation.step w |> ignore

        Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
